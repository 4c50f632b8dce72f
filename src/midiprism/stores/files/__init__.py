"""The store that keeps each track as a file."""
