"""What outcomes mean and whether a person has read it; the catalogue read again when it failed."""
