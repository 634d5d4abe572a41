"""What a rule does before money is at stake: plans, and seasons of synthetic entrants."""
