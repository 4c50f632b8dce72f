"""Export tracks as a tree of files for people."""
