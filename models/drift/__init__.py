"""Whether the distribution of a series or score has changed."""
