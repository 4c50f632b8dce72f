"""Text in MIDI files, which do not state its encoding: decode it by its marks, or as it is likeliest."""
