"""What takes how long. Tables are committed with the machine's description, as shares of one run."""
