"""Statements and invoices on their way to customers: made, kept, delivered and noted."""
