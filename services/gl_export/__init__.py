"""Exports of the general ledger: what is read, how it is written, what proves it."""
