"""The HTTP API: commands, queries, health and metrics over the write path and the read models."""
