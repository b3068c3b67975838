"""Data files of people: CSV and Parquet as columns of samples."""
