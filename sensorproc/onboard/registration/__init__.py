"""Where do the stars of one frame lie in the other frames of its set?"""
