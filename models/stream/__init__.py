"""Where a stream stands: what was handed out, what may be committed."""
