"""The vendor's contract, as both ends read it."""
