"""Report on a run."""
