"""The tables that the fold keeps, one row a series and one an entity, and what leaves them."""
