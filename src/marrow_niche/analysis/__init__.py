"""Pure functions of what a run recorded; nothing here draws, writes or simulates."""
