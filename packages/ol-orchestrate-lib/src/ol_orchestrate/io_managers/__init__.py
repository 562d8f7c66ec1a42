"""IO managers: what an asset hands over, and what the next one is given."""
