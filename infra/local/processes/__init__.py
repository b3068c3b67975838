"""Child processes that are started, watched, stopped, and never confused with a stranger's."""
