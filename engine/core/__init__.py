"""The deterministic core: one state machine, `desk.step(event) -> effects`. No clock, no I/O, no float."""
