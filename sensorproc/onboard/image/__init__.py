"""What is in one image: its background, the matched filter, stars and cosmic rays?"""
