"""The fast path: native JSON of known series, read by compiled loops. It may be deleted: `formats` reads the same."""
