"""The result folder: marker, identity, lock, status, derived tables."""
