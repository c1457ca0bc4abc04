"""Migration histories: their files, their kinds, how they are applied and rolled back, their ledger.

model      a migration, its ways back, a history          source, sqlfiles   the history of one tool
kinds      what a text says it does                        observed           what it did
execute    running a script as a runbook does              ledger             what has been applied
"""
