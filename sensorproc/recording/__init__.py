"""Frame sources and sinks: FITS (plain, NEOSSat, SatSim), PNG/TIFF folders, SER. One noun comes out: ``Frame``."""

from sensorproc.recording.entry import Entry, Problem, Recording
from sensorproc.recording.open import open_recording
from sensorproc.recording.pixels import pad

__all__ = ["Entry", "Problem", "Recording", "open_recording", "pad"]
