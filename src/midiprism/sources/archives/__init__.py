"""Archives as sources of songs."""
