"""Exact sizes over price ladders: formula, touch test, walk, optimum, split. Plain numbers in and out."""
