"""`daybook`: one command for operators, producers and auditors."""
