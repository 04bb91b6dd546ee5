"""The ground side: bytes in, observations and messages out. It never sees the onboard code or the recording."""
