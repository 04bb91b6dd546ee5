"""The parts of the payload. They meet in ``topology`` and know one another by ``ports`` only."""
