"""The verbs of ``firmware-sim``."""
