"""How fast every part is, beside the machine's limits and beside other people's tools, in one table."""
