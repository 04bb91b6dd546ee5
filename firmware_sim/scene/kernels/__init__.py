"""Compiled loops of the renderer."""
