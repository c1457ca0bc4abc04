"""Migration histories: their files, their kinds, how they are applied and rolled back, their ledger."""
