"""PostgreSQL's schema: the migrations that make it, and `current.sql`, which says what they have made."""
