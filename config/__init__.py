"""Settings: TOML files become typed, checked values once, here."""
