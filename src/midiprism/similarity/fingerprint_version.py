"""The version of the fingerprints."""

FINGERPRINT_VERSION = 2
"""Increases whenever the same track may get another fingerprint than before."""
