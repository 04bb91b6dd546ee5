"""Timings, and proofs that results did not change. Accuracy studies are in ``studies``, the skies of both in ``tests.skies``."""
