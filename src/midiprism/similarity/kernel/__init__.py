"""The compiled part: lines, phrases and signatures of tracks, and comparing them."""
