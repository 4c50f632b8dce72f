"""The version of the fingerprints."""

FINGERPRINT_VERSION = 1
"""Increases whenever the same track may get another fingerprint than before."""
