"""What the Lambda functions share: where secrets, settings and flags are, and how they fail."""
