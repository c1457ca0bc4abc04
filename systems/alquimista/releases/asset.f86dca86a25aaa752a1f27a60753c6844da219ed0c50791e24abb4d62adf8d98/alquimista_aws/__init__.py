"""What the system's Lambda functions share: where their secrets, settings and flags are, and how they fail."""
