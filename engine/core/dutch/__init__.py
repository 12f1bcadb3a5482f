"""What an event allows: kinds of plans, guards on its words and books, legs, risks, the window detector."""
