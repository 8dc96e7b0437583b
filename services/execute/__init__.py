"""The one write path: claim, lock, load, decide and append a batch of commands in one transaction."""
