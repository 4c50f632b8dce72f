"""Print results, progress and reports."""
