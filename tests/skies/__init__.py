"""Skies of known content that tests and benchmarks are made of. They share no code with the detector."""
