"""Components that live in an AWS account. Nothing else talks to AWS."""
