"""The accuracy court: suites of scenarios through the whole chain, judged by gates and against a baseline."""
