"""The phrases of the features: each is one call on the Drill.

Shipped as `rollproof.steps`. A module here is found by the plugin; a phrase that a project
defines itself, in its conftest or steps folder, goes before one of these.
"""
