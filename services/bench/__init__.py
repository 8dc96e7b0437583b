"""What Daybook does per second on this machine, each figure beside the ceiling of the same run."""
