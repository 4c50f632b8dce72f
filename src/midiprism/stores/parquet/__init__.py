"""The store that keeps tracks as rows of Parquet files."""
