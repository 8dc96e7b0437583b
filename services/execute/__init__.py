"""The one write path: claim, lock, load, decide, append a batch of commands in one transaction."""
