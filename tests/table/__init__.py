"""Tests of costs, receptive fields, the graph's rules, and tables."""
