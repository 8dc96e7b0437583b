"""What stands in the process of a script: standard library alone, run as files."""
