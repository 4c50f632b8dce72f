"""Queries on another program's tables, and the rows that are added to them."""
