"""Search tracks: the query language, the column index, facets."""
