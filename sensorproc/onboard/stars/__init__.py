"""Which light belongs to the stars, and what is left without it?"""
