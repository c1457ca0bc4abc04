"""What runs leave together: readiness, findings, controls, trends. Pure, but for what does files."""
