"""Cases and timings. ``cases`` is also what the tests and the sample recording are made of."""
