"""Verify a result, and repair it."""
