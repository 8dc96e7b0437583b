"""Postgres: migrations, pools and the event store."""
