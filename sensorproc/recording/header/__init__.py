"""Facts from FITS cards: every name that a fact goes by, the unit it is given in, and what contradicts it."""
