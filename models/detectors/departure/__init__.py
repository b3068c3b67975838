"""Departure from what is usual for a series at this hour of its week: found each time, however often it was seen."""
