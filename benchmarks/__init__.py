"""Measuring and showing a whole center on one machine: the demo, the benchmark, the chaos runs."""
