"""One rehearsal: Given requires, When attempts, Then verifies, and everything is undone."""
