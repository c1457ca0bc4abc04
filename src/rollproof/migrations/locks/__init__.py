"""Locks that migrations take, whom they block and for how long, and what they rewrite.

model      what one direction of a migration held
"""
