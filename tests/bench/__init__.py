"""Benchmarks: `make bench`. Every figure is measured beside something everybody has (`grep`, a Python loop)."""
