"""Products against truth: who was found, what is false, and how large the errors are, each figure with its interval.

truth -> match -> fates (one row per target and set) -> metrics -> gates, baseline, reports
"""
