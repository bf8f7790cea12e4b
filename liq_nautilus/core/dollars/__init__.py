"""Of which venues dollars speak, and how they follow what was liquidated."""
