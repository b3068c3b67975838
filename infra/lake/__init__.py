"""The lake: every accepted sample as Parquet files by service and day."""
