"""The column index: what a search asks of the catalog, in columns that are mapped into memory."""
