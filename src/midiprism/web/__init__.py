"""``midiprism serve``: pages and JSON over the search, the tracks and the runs of one result."""
