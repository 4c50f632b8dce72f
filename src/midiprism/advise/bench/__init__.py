"""Run experiments on a sample of a library."""
