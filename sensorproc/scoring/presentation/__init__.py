"""How is a result shown to people and to CI?"""
