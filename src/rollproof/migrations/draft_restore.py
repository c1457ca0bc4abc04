"""Making again, from its facts, what a migration has taken away or replaced and what holds no data."""

from __future__ import annotations

from collections.abc import Callable

from rollproof.migrations.draft_drop import comment_target, drop, setting
from rollproof.migrations.draft_grants import default_privilege, regrant
from rollproof.migrations.draft_model import Undoing, dollars, kind_of_parent, literal, of_parent, own_name
from rollproof.migrations.rules.names import quote
from rollproof.model.fingerprint import Fact

_LATE = 200
"""whatever a made-again object needs is there by then"""
_RANKS = {"function": 0, "procedure": 0, "view": 2, "index": 3, "constraint": 4, "trigger": 5, "policy": 5}


def make(fact: Fact) -> Undoing | None:
    """How to make it again; None when it holds data, or when nobody here knows how."""
    maker = _MAKERS.get(fact.kind)
    sql = maker(fact) if maker else None
    if sql is None:
        return None
    return Undoing(
        sql, _LATE + _RANKS.get(fact.kind, 9), mentions=" ".join(map(str, fact.attributes.values()))
    )


def replace_by(before: Fact, after: Fact) -> Undoing | None:
    """Takes the new one away and makes the old one again."""
    away, again = drop(after), make(before)
    if away is None or again is None:
        return None
    return Undoing((*away.sql, *again.sql), away.rank, mentions=away.mentions)


def function(fact: Fact) -> tuple[str, ...] | None:
    """CREATE OR REPLACE; only for languages whose functions are text."""
    has = fact.attributes
    if has.get("library") or has.get("language") in ("c", "internal") or has.get("transforms"):
        return None
    name = fact.name.partition("(")[0]
    word = "PROCEDURE" if fact.kind == "procedure" else "FUNCTION"
    result = f" RETURNS {has['result']}" if has.get("result") else ""
    traits = " ".join(_traits(fact)) if word == "FUNCTION" else _security(fact)
    settings = "".join(_set(str(item)) for item in _list(has.get("settings")))
    body = str(has["body"])
    atomic = has["language"] == "sql" and body.lstrip().upper().startswith(("BEGIN ATOMIC", "RETURN "))
    text = body if atomic else f"AS {dollars(body)}"
    head = f"CREATE OR REPLACE {word} {name}({has['arguments']}){result} LANGUAGE {has['language']}"
    return (f"{head} {traits}{settings}\n{text};",)


def _traits(fact: Fact) -> list[str]:
    has = fact.attributes
    words = [
        str(has["volatility"]).upper(),
        f"PARALLEL {str(has['parallel']).upper()}",
        f"COST {has['cost']}",
    ]
    words += [f"ROWS {has['rows']}"] if str(has.get("rows", "0")) != "0" else []
    words += ["STRICT"] if has.get("strict") else []
    words += ["LEAKPROOF"] if has.get("leakproof") else []
    return [*words, _security(fact)]


def _security(fact: Fact) -> str:
    return "SECURITY DEFINER" if fact.attributes.get("security definer") else "SECURITY INVOKER"


def _set(item: str) -> str:
    name, _, value = item.partition("=")
    # Lists such as search_path come as SQL writes them; anything else is one constant.
    return f" SET {name} TO {value if name == 'search_path' and value else literal(value)}"


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


def _view(fact: Fact) -> tuple[str, ...]:
    options = ", ".join(str(item) for item in _list(fact.attributes.get("options")))
    given = f" WITH ({options})" if options else ""
    definition = str(fact.attributes["definition"]).rstrip().removesuffix(";")
    made = f"CREATE OR REPLACE VIEW {fact.name}{given} AS\n{definition};"
    return made, f"ALTER VIEW {fact.name} OWNER TO {quote(str(fact.attributes['owner']))};"


def _index(fact: Fact) -> tuple[str, ...] | None:
    has = fact.attributes
    if has.get("partition of") or not has.get("valid") or has.get("tablespace") != "default":
        return None
    name = fact.name[len(_schema(fact.name)) + 1 :]
    unique = "UNIQUE " if has.get("unique") else ""
    cluster = (f"ALTER TABLE {has['table']} CLUSTER ON {name};",) if has.get("clustered") else ()
    return (f"CREATE {unique}INDEX {name} ON {has['table']} {has['definition']};", *cluster)


def _schema(name: str) -> str:
    """Of a qualified, quoted name."""
    end = name.index('"', 1) + 1 if name.startswith('"') else name.index(".")
    return name[:end]


def _constraint(fact: Fact) -> tuple[str, ...] | None:
    has, owner = fact.attributes, of_parent(fact)
    domain = kind_of_parent(fact) == "domain"
    if has.get("inherited") in ("yes", "and local") or has.get("triggers not enabled"):
        return None
    words = [str(has["definition"])]
    words += ["DEFERRABLE"] if has.get("deferrable") else []
    words += ["INITIALLY DEFERRED"] if has.get("initially deferred") else []
    words += ["NOT VALID"] if has.get("validated") is False else []
    name = fact.name.removesuffix(f" on domain {owner}") if domain else own_name(fact)
    return (f"ALTER {'DOMAIN' if domain else 'TABLE'} {owner} ADD CONSTRAINT {name} {' '.join(words)};",)


def _defined(fact: Fact) -> tuple[str, ...] | None:
    if fact.attributes.get("inherited"):
        return None
    text = str(fact.attributes["definition"]).rstrip().removesuffix(";")
    enabled = str(fact.attributes.get("enabled", "origin"))
    return (f"{text};", *(() if enabled == "origin" else (enable(fact, enabled),)))


def enable(fact: Fact, how: str) -> str:
    """ALTER TABLE … ENABLE TRIGGER or RULE, as pg_trigger and pg_rewrite say it."""
    words = {"disabled": "DISABLE", "replica": "ENABLE REPLICA", "always": "ENABLE ALWAYS"}
    return f"ALTER TABLE {of_parent(fact)} {words.get(how, 'ENABLE')} {fact.kind.upper()} {own_name(fact)};"


def _policy(fact: Fact) -> tuple[str, ...]:
    has = fact.attributes
    kind = "" if has.get("permissive") else " AS RESTRICTIVE"
    command = f" FOR {str(has['command']).upper()}"
    roles = ", ".join(str(role) for role in _list(has.get("roles")))
    using = f" USING ({has['using']})" if has.get("using") else ""
    check = f" WITH CHECK ({has['with check']})" if has.get("with check") else ""
    on = f"{own_name(fact)} ON {of_parent(fact)}"
    return (f"CREATE POLICY {on}{kind}{command} TO {roles}{using}{check};",)


def _sql(undoing: Undoing | None) -> tuple[str, ...] | None:
    return undoing.sql if undoing else None


_MAKERS: dict[str, Callable[[Fact], tuple[str, ...] | None]] = {
    "function": function,
    "procedure": function,
    "view": _view,
    "index": _index,
    "constraint": _constraint,
    "trigger": _defined,
    "rule": _defined,
    "statistics": lambda fact: (f"{fact.attributes['definition']};",),
    "policy": _policy,
    "comment": lambda fact: (f"COMMENT {comment_target(fact)} IS {literal(fact.attributes['text'])};",),
    "setting": lambda fact: (setting(fact, fact.attributes["value"]),),
    "grant": lambda fact: _sql(regrant(fact, {}, fact.attributes)),
    "default privilege": lambda fact: _sql(default_privilege(fact, {}, fact.attributes)),
    "schema": lambda fact: (
        f"CREATE SCHEMA {fact.name} AUTHORIZATION {quote(str(fact.attributes['owner']))};",
    ),
}
