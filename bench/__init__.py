"""Measurements behind docs/benchmarks.md: `make bench`."""
