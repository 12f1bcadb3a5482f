"""The embedded trading engine: domain values, the deterministic core, and the shells around it."""
