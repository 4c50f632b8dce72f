"""The executor that runs batches in worker processes."""
