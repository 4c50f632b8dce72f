"""Predict the rate of a run from its costs and settings."""
