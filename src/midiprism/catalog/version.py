"""The version of a catalog's tables. It loads no database."""

CURRENT_VERSION = "0004"
"""The version that this program reads and writes."""
