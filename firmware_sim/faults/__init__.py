"""Faults with consequences: when they strike, and what they break."""
