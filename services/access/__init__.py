"""Who may call: scopes, tokens and the keys that they are verified with."""
