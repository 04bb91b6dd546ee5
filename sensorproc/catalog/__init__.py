"""Which stars are known, and which of them are in a field?"""
