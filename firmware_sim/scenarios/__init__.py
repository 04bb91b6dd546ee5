"""What is to be flown: sky, payload, board and operations in one file?"""
