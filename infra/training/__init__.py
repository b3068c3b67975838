"""One training as a process of its own."""
