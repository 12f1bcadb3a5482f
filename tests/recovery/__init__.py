"""Whole desks that are killed and started again."""
