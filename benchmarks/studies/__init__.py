"""Accuracy studies: how far results are from bounds, truth and claims."""
