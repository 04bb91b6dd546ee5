"""Which objects cross a single frame so fast that they leave a line?"""
