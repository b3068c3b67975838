"""One module for each format that a producer may send."""
