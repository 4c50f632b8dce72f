"""What limits a run, what would make it faster, and which places are fast."""
