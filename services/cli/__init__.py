"""The command line: `daybook`."""
