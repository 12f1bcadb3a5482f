"""What operators ask and what runs by itself: orders, Dutch tickets, grants, scans, repairs, reviews."""
