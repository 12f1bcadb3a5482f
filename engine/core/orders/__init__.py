"""The truth about every order: evidence, proof of death, re-sends, cancels, fills booked."""
