"""The simulated payload processor: virtual time, memory, faults, radio and sky around the onboard core."""
