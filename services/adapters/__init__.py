"""The outside world behind the ports; only services.wiring imports from here."""
