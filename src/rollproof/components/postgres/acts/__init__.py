"""What can be done to a database: staged, deployed to, backed up, rolled back, restored, mended."""

from rollproof.components.postgres.acts.access import DetectLoss, GrantWrites, RevokeWrites
from rollproof.components.postgres.acts.backups import ProveBackup, TakeBackup
from rollproof.components.postgres.acts.missing import ApplyMissing, Diagnose
from rollproof.components.postgres.acts.rollback import (
    Guard,
    Rehearse,
    Restore,
    RollBack,
    guarded,
    safe_procedure,
)
from rollproof.components.postgres.acts.staging import (
    Deploy,
    StageBefore,
    StageBeforeNamed,
    StageCurrent,
    StageEmpty,
    StageWithout,
    WalkForward,
    ledger_table,
    target_id,
)

__all__ = [
    "ApplyMissing",
    "Deploy",
    "DetectLoss",
    "Diagnose",
    "GrantWrites",
    "Guard",
    "ProveBackup",
    "Rehearse",
    "Restore",
    "RevokeWrites",
    "RollBack",
    "StageBefore",
    "StageBeforeNamed",
    "StageCurrent",
    "StageEmpty",
    "StageWithout",
    "TakeBackup",
    "WalkForward",
    "guarded",
    "ledger_table",
    "safe_procedure",
    "target_id",
]
