"""Which light comes from everything else: stars, sky, stray light?"""
