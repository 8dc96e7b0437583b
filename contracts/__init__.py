"""The published language: message shapes, money, ids and the log's leaf format; no I/O."""
