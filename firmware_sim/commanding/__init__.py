"""Telecommands on board: what they may change, when they are refused, and what is answered."""
