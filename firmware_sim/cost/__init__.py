"""How long stages take on a processor: work counted, costs calibrated on the host, profiles for the rest."""
