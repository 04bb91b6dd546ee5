"""Which satellites and debris are there, where, and how bright?"""
