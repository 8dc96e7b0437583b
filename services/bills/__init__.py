"""Bills as their edges and sagas read them: from the heads and the log, never behind."""
