"""Onboard image processing for optical space-domain-awareness payloads.

Frames become detections on board (``onboard``), detections become CCSDS packets (``downlink``), packets
become standard observations (``ground``). Read ``conventions`` first: axes, origins, frames, time, units.
"""

__version__ = "0.4.0"
