"""Tests, layered by the shape of what they test."""
