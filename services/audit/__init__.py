"""The audit: all that the system keeps, proven against the events it says it follows from."""
