"""Acts on chain and what they need: allowances, merges, redemptions, conversions as advice."""
