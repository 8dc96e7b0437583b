"""Decisions of the billing ledger: pure and synchronous; time and ids come in as arguments."""
