"""Is a figure good enough, or worse than before?"""
