"""One score a row out of what the detectors say, its threshold, and the episodes it makes."""
