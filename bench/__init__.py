"""Benchmarks of fastmlp and its peers; see docs/benchmarks.md."""
