"""The table of situations, a file a kind."""
