"""Words that readers of resources and checks share."""

from __future__ import annotations

UNREAD = "not compared"
"""Kind of the fact of a resource that nobody here can read: it is there, and that is all that is known."""
MISSING = "not there"
"""Kind of the fact of a resource that its stack holds and that its own API does not know."""
LEFT_OUT = "left out"
"""The same, of a type that the system file leaves out on purpose."""
