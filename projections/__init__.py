"""Read models: tables that answer a question, filled from the log in its order."""
