"""The fields of songs, links and tracks, and the batches of records that workers hand to a catalog."""
