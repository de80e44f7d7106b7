"""Where a finished video goes: one narrow class per place behind one protocol."""
