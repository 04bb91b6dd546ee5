"""Frame sources and sinks: FITS (plain, NEOSSat, SatSim), PNG/TIFF folders, SER. One noun comes out: ``Frame``."""

from sensorproc.recording.entry import Entry, Problem, Recording, pad
from sensorproc.recording.open import open_recording

__all__ = ["Entry", "Problem", "Recording", "open_recording", "pad"]
