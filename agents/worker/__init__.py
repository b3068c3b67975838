"""The life of a worker process and what its roles share."""
