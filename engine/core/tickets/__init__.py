"""One ticket from dry to its end: presses, witnesses, settlement, what a standing grant covers."""
