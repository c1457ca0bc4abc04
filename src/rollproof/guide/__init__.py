"""Leading a person through a rollback: what to look at, what to decide, what to do, whom to tell."""
