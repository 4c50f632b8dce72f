"""The catalog in a SQLite file, and other SQLite files."""
