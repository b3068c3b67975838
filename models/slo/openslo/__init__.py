"""OpenSLO v1 documents, read into definitions."""
