"""Values and words of the trade: units, markets, books, plans, orders, tickets. Imports nothing of ours."""
