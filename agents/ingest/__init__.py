"""The ingest agent: raw records to columns of samples, and samples to the lake."""
