"""Measure a run and the machine under it: stage timers, samples, devices, Prometheus."""
