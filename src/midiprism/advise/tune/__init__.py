"""Tune the settings of a run while it goes on."""
