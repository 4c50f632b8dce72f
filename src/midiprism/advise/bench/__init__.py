"""Measure settings and strategies with short runs."""
