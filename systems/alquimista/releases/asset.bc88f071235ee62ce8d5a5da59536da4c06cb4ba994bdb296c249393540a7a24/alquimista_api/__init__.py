"""The HTTP API of the reference system: leads, events, agents, plans and the routing board."""
