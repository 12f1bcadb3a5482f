"""Ways out of a broken set, priced on the present books and kept within the printed loss."""
