"""Sound banks (SF2 and SF3): found where systems keep them, and cut to the presets that are played."""
