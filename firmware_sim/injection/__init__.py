"""Synthetic targets in recorded frames: for exercises, and for completeness on real noise."""
