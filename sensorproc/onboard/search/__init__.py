"""Which points move through the set, too faint for one frame?"""
