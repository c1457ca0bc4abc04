"""Walks a whole migration history, up, down and up again, and says of each migration what its rollback does.

model      what was found of one migration, and of all
"""
