"""The simulated sky and camera: truth. Shares no maths with the detector."""
