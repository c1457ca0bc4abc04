"""The text of a system file and of a plan, with a comment at every guess."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import tomlkit
from tomlkit.items import Item, Table

from rollproof.adopt.blocks import Block, Value

_HEAD = """\
# The system under drill, as `rollproof init` found it. Every guess says where it comes from; correct what
# is wrong, and take the marks off what is commented out once it is complete. No secret belongs in here.
"""


_WIDTH = 108


def system_text(blocks: Sequence[Block]) -> str:
    """The whole file."""
    return "\n".join([_HEAD, *(block_text(block) for block in blocks)])


def block_text(block: Block) -> str:
    """One table with its remarks; each line a comment when it is off."""
    remarks = "".join(f"# {line}\n" for remark in block.remarks for line in wrap(remark, _WIDTH))
    body = _table_text(block)
    if not block.off:
        return remarks + body
    commented = "".join(f"# {line}\n" if line else "#\n" for line in body.splitlines())
    return f"{remarks}# Left out: {block.off}.\n{commented}"


def _table_text(block: Block) -> str:
    table = tomlkit.table()
    for entry in block.entries:
        table.add(entry.key, _item(entry.value))
        if entry.comment:
            table[entry.key].comment(entry.comment)
    document = tomlkit.document()
    first, *rest = block.header
    document.add(first, _nested(rest, table, block.listed))
    return tomlkit.dumps(document)


def _nested(keys: Sequence[str], table: Table, listed: bool) -> Item:
    if listed:
        array = tomlkit.aot()
        array.append(table)
        return array
    for key in reversed(keys):
        outer = tomlkit.table(is_super_table=True)
        outer.add(key, table)
        table = outer
    return table


def _item(value: Value) -> Item:
    if isinstance(value, dict):
        inline = tomlkit.inline_table()
        inline.update(value)
        return inline
    return tomlkit.item(value)


def plan_text(system: str, features: Sequence[str], name: str) -> str:
    """A plan of the embedded environment with these features."""
    document = tomlkit.document()
    document.add(
        tomlkit.comment("A first plan, written by `rollproof init`: rollproof drill run drills/first.toml")
    )
    document.add(tomlkit.comment("It is run from the folder that the paths are relative to."))
    plan = tomlkit.table()
    plan.update({"name": "first", "description": f"What {name} can be drilled for, on this machine alone"})
    plan.add("systems", tomlkit.item([system]))
    plan.add("environment", "embedded")
    plan.add("features", tomlkit.item(list(features)))
    plan["features"].comment("of those that ship with Rollproof; folders of your own may stand here too")
    document.add("plan", plan)
    return tomlkit.dumps(document)
