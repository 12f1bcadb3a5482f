"""The desk's planner over recordings, with pessimistic fills."""
