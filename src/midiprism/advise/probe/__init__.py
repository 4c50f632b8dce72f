"""Measure disks and memory."""
