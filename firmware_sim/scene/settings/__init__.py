"""What can a scene be made of, with every default?"""
