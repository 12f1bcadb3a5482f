"""What is held, reserved, locked and allowed: inventory, caps, capital, legs that are not sent yet."""
