"""Files that once made the engine break a promise: what it was, and the bytes."""

FINDS: list[tuple[str, bytes]] = []
"""``fuzz/fuzz_split.py`` finds them; each stays here for good."""
