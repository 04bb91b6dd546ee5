"""How is a payload built from its components and flown in virtual time?"""
