"""Benchmarks: CPU time per event end to end through a real broker, with checked results."""
