"""The intake: what other systems send becomes commands; what cannot be taken is kept and named."""
