"""Plans at work: run, listed, announced, served, and written out for other schedulers."""
