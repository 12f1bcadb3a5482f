"""The spread quoter: pricing, decisions, and nothing else; no desk state, no orders."""
