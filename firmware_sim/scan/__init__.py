"""Volume search: where the camera looks when, and a ledger that accounts for every dwell once."""
