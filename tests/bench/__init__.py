"""Benchmarks: ``make bench`` prints ratios against bare baselines of the same run."""
