"""Which objects are so bright or near that they are no points?"""
