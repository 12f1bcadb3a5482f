"""The local exchange: a venue on loopback that speaks the real protocol and checks every signature."""
