"""The projector process: read models kept up with the log by leased owners over one shared feed."""
