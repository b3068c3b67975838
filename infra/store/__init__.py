"""PostgreSQL: the one place that says how far the stream has been processed."""
