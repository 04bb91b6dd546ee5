"""How large is each figure of merit, and how sure is it?"""
