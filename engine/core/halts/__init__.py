"""What closes the gate and opens it again: kill, breakers, holds, the venue's announced states, resume."""
