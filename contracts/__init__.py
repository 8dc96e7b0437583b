"""The published language of Daybook: message shapes, money, ids and the log's leaf format; no I/O."""
