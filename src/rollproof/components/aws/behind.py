"""Looking behind the maintenance page: is what will be opened the release and the data that it should be?"""

from __future__ import annotations

from rollproof.components.aws.cloud import BEFORE, Cloud
from rollproof.components.aws.gate import Gate
from rollproof.components.postgres.admin import connected
from rollproof.components.postgres.bench import Bench
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed
from rollproof.fingerprint import compare, compare_rows, take_fingerprint
from rollproof.model.fingerprint import DifferenceClass
from rollproof.model.json import JsonObject

MOST = 5
SHUT = "concurrency"
"""Kind of the facts that differ because the functions are shut, see `Gate`."""


class VerifyBehind(Act):
    """Compares code with the previous release's, and the database with the backup, while nobody is let in.

    Functions cannot be called meanwhile, which is the point of the page: that they answer is verified
    when it is gone.
    """

    name = "emergency.verify"

    def run(self, drill: Drill) -> JsonObject:
        drill.use(Gate).again()
        found = [*_code(drill), *_data(drill)]
        if found:
            raise AttemptFailed(
                f"behind the page {len(found)} things differ, such as {'; '.join(found[:MOST])}",
                doing="verifying the rollback behind the maintenance page",
                remedy="leave the page up and go on with the rollback",
            )
        return {"checks": ["code is the previous release's", "schema and rows are the backup's"]}


def _code(drill: Drill) -> list[str]:
    cloud = drill.use(Cloud)
    if "function" not in cloud.seen.get(BEFORE, {}):
        return ["nobody knows what the previous release's functions were"]
    cloud.look("behind", "function")
    found = compare(cloud.seen[BEFORE]["function"], cloud.seen["behind"]["function"])
    return [str(item) for item in found if item.kind != SHUT]


def _data(drill: Drill) -> list[str]:
    bench = drill.use(Bench)
    seen = bench.seen.get("backup")
    if seen is None:
        return ["nobody knows what the backup holds"]
    with connected(bench.server, bench.name, autocommit=False) as conn:
        differences = compare(seen.fingerprint, take_fingerprint(conn))
        changes = compare_rows(conn, seen.rows, digester=bench.digester)
    lasting = [str(d) for d in differences if d.klass is not DifferenceClass.SEQUENCE_STATE]
    return lasting + [f"{change.table}: rows differ" for change in changes]
