"""Daybook as a program: the write path, the processes, the API and the command line."""
