"""Configured workflows: their projects, plans and scripts, apart from how Temporal runs them."""
