"""The catalog in PostgreSQL."""
