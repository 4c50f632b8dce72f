"""The search for tracks: the query language, and its evaluation."""
