"""The outcomes of a song."""

ADOPTED = "adopted"
OUTCOMES = ("split", "repaired", "no_notes", ADOPTED, "corrupt", "unreadable", "failed")
"""Every outcome:

- ``split``: the song's tracks were split.
- ``repaired``: the same, after damage was worked around.
- ``no_notes``: nothing in the song plays.
- ``adopted``: another program had split the song, and its library was adopted.
- ``corrupt``: the song is not MIDI, exceeds a limit, or none of its notes could be read.
- ``unreadable``: the bytes of the song cannot be read.
- ``failed``: midiprism itself failed on the song.
"""

FAILED_OUTCOMES = frozenset({"corrupt", "unreadable", "failed"})
"""Outcomes of songs that have no tracks because something went wrong."""
