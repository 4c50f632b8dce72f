"""Queries on a catalog."""
