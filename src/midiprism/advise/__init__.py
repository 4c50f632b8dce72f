"""Advise on a run: find its bottleneck, predict what would help, measure disks, tune its settings."""
