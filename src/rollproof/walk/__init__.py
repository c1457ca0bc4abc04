"""Walks a whole migration history, up, down and up again, and says of each migration what its rollback does.

model         what was found of one migration, and of all
settings      what a walk is told to do
walk          the walk itself; begin here
step          one migration
zero          all the way up, down and up again
parallel      several processes walk one history
track         one database on its way through a history, and how a clean state is found again
copies        copies of clean states
observer      looks at the database between two scripts
changes       what is other between two looks, weighed: the catalogue of false alarms
outcome       the verdict, from what was seen
faults        why a script failed: the migration's fault, the place's, or that of an earlier one
causes        which statement a difference comes from
serverwide    roles and whatever else a dropped database does not take along
workdatabase  databases made, copied and dropped
place         a scratch server for a walk
terminal      a walk on a terminal
baseline      known findings that a project puts up with
wording       findings in words
"""
