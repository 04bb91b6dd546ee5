"""Which structure belongs to the detector and not to the sky?"""
