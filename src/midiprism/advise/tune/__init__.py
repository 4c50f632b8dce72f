"""Tune the settings of a run while it is active."""
