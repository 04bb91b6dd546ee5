"""Was it fast enough, and is what came down right?"""
