"""The folder of a run: built beside the old one, put in its place when whole, and checked by whoever reads it."""
