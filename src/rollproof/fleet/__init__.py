"""One plan over many systems: split into parts, done here or elsewhere, and made one again."""
