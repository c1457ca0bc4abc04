"""What goes wrong: always injected together with what heals it. A fault never judges."""
