"""The compiled kernel: scan, plan and write."""
