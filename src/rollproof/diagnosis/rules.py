"""How drivers, runtimes and AWS word their errors: one row a rule, most telling kinds first.

Sources: PostgreSQL, appendix A (SQLSTATE); Lambda's "Troubleshooting" pages; Node.js, "Common system
errors"; MySQL's and Prisma's error references.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    kind: str
    pattern: re.Pattern[str]
    said: str


def _rule(kind: str, said: str, pattern: str, *, flags: int = re.IGNORECASE) -> Rule:
    return Rule(kind, re.compile(pattern, flags | re.MULTILINE), said)


_NAME = r"[\"'`«]?(?P<subject>[\w$]+(?:[\"'`]?\.[\"'`]?[\w$]+)*)[\"'`»]?"
_UPPER = r"[\"'`]?(?P<subject>[A-Z][A-Z0-9]*_?[A-Z0-9_]{2,})[\"'`]?"
_EXACT = re.MULTILINE

RULES = (
    # a variable that is not there, in the words of programs and of libraries that read settings
    _rule("variable", "variable {subject} is not set", rf"KeyError: {_UPPER}\s*$", flags=_EXACT),
    _rule(
        "variable",
        "variable {subject} is not set",
        rf"(?:environment|env\.?|required|configuration) ?(?:variable|var|setting)s?:? {_UPPER}",
        flags=_EXACT,
    ),
    _rule(
        "variable",
        "variable {subject} is not set",
        rf"{_UPPER} (?:environment variable )?(?:is |was |must be |has to be |has )?"
        r"(?:not set|unset|missing|required|undefined|not defined|empty|set\b|not configured|not provided)",
        flags=_EXACT,
    ),
    # a schema that is not what the code expects
    _rule(
        "schema", "relation {subject} does not exist", rf"\b(?:relation|table|view) {_NAME} does not exist"
    ),
    _rule(
        "schema", "column {subject} does not exist", rf"\bcolumn {_NAME} (?:of relation \S+ )?does not exist"
    ),
    _rule("schema", "{subject} does not exist", rf"\b(?:type|schema|sequence) {_NAME} does not exist"),
    _rule("schema", "function {subject} does not exist", rf"\bfunction {_NAME}\([^)]*\) does not exist"),
    _rule("schema", "relation {subject} does not exist", rf"\brela[çc][ãa]o {_NAME} n[ãa]o existe"),
    _rule("schema", "column {subject} does not exist", rf"\bcoluna {_NAME} n[ãa]o existe"),
    _rule(
        "schema",
        "table {subject} does not exist",
        rf"\bTable {_NAME} doesn't exist|\bno such table: ?(?P<t>\S+)",
    ),
    _rule(
        "schema",
        "column {subject} does not exist",
        rf"\bUnknown column {_NAME}|\bno such column: ?(?P<t>\S+)",
    ),
    _rule(
        "schema",
        "undefined table or column",
        r"\b(?:psycopg2?\.errors\.|asyncpg\.exceptions\.)?Undefined(?:Table|Column|Function"
        r"|Object)(?:Error)?\b"
        r"|\bInvalidSchemaName(?:Error)?\b|\bER_NO_SUCH_TABLE\b|\bER_BAD_FIELD_ERROR\b|\bORA-00942\b"
        r"|\bP20(?:21|22)\b|table .{1,80} does not exist in the current database",
    ),
    # a login that is refused
    _rule(
        "authentication",
        "the database refuses the login",
        r"password authentication failed|no pg_hba\.conf entry|InvalidPassword(?:Error)?\b"
        r"|InvalidAuthorizationSpecification|role .{1,80} does not exist|is not permitted to log in"
        r"|ER_ACCESS_DENIED_ERROR|Access denied for user|no password supplied|\bP1000\b"
        r"|PAM authentication failed|autentica[çc][ãa]o.{1,40}falhou|SASL authentication failed"
        r"|client password must be a string|SCRAM-SERVER",
    ),
    # a database that is not there or does not answer
    _rule(
        "connection",
        "the database cannot be reached",
        r"could not connect to server|connection to server (?:at|on) .{1,200}failed"
        r"|connection to the database (?:failed|refused)|database[ _]+(?:is )?(?:currently )?"
        r"(?:unavailable|unreachable|not reachable|down|offline)|can't reach database server|\bP100[128]\b"
        r"|the database system is (?:starting up|shutting down|in recovery|not (?:yet )?accepting)"
        r"|is not currently accepting connections|CannotConnectNowError|ConnectionDoesNotExistError"
        r"|server closed the connection unexpectedly|terminating connection due to"
        r"|connection terminated(?: unexpectedly| due to connection timeout)?|Communications link failure"
        r"|SequelizeConnection\w*Error|HikariPool.{1,80}(?:not available|timed out)|PoolTimeout"
        r"|QueuePool limit|PSQLException: (?:Connection to|The connection attempt)"
        r"|(?:psycopg2?|asyncpg|pg8000)\S*(?:ConnectionTimeout|InterfaceError)"
        r"|failed to connect to `(?:host|user)=|dial tcp \S+:(?:5432|6432|3306)",
    ),
    _rule(
        "connection",
        "the database takes no more connections",
        r"too many clients already|too many connections|remaining connection slots"
        r"|TooManyConnections(?:Error)?",
    ),
    _rule("connection", "the database does not exist", r"\bdatabase [\"'][^\"']{1,80}[\"'] does not exist"),
    # rights, limits, and what is not there, in AWS' words
    _rule(
        "permission",
        "not allowed: {subject}",
        r"is not authorized to perform:? (?P<subject>[\w-]+:\w+)",
    ),
    _rule(
        "permission",
        "access is denied",
        r"\bAccessDenied(?:Exception)?\b|\bUnauthorizedOperation\b|\bAuthFailure\b"
        r"|\bInsufficientPrivilege(?:Error)?\b"
        r"|permission denied for (?:table|schema|relation|sequence|function|database|view)"
        r"|permiss[ãa]o negada|no identity-based policy allows|KMS\.?AccessDenied"
        r"|\bKMSAccessDeniedException\b",
    ),
    _rule(
        "throttled",
        "calls are throttled",
        r"\bThrottl(?:ing|ed)(?:Exception)?\b|\bTooManyRequests(?:Exception)?\b"
        r"|\bRate exceeded\b|\bSlowDown\b"
        r"|\bProvisionedThroughputExceeded(?:Exception)?\b|\bRequestLimitExceeded\b"
        r"|\bLimitExceededException\b"
        r"|ReservedFunctionConcurrentInvocationLimitExceeded|\bConcurrentInvocationLimitExceeded\b"
        r"|status(?: code)?:? 429\b",
    ),
    _rule(
        "missing resource",
        "what it asks {subject} for is not there",
        r"(?P<what>ResourceNotFoundException|ParameterNotFound|NoSuchBucket|NoSuchKey|QueueDoesNotExist"
        r"|NonExistentQueue|NotFoundException|EntityNotFoundException|BadRequestException)\b"
        r"(?:.{0,80}when calling the (?P<subject>\w+) operation)?",
        flags=_EXACT,
    ),
    _rule(
        "missing resource",
        "what it asks {subject} for is not there",
        r"(?P<subject>Secrets Manager) can't find the specified secret"
        r"|Requested resource not found(?:: (?P<t>Table))?|The specified (?:bucket|key|queue) does not exist",
    ),
    # what the sandbox runs out of
    _rule("resources", "the function ran out of time", r"Task timed out after|Sandbox\.Timedout"),
    _rule(
        "resources",
        "the function ran out of memory",
        r"Runtime\.OutOfMemory|signal: killed|heap out of memory|\bMemoryError\b|java\.lang\.OutOfMemoryError"
        r"|Cannot allocate memory|\bENOMEM\b",
    ),
    _rule("resources", "the disk is full", r"No space left on device|\bENOSPC\b"),
    # a package without what it needs
    _rule(
        "import",
        "the handler cannot be loaded: no module {subject}",
        r"(?:No module named|Cannot find (?:module|package)) [\"'](?P<subject>[\w@/.-]+)[\"']",
    ),
    _rule(
        "import",
        "the handler cannot be loaded",
        r"Runtime\.(?:ImportModuleError|HandlerNotFound|UserCodeSyntaxError|MalformedHandlerName"
        r"|NoSuchHandler|InvalidEntrypoint|ExitError|NodeJsExit|LibraryLoadError)|Unable to import module"
        r"|\bhandler .{1,80}(?:missing on|not found|undefined)|Bad handler"
        r"|ClassNotFoundException|NoClassDefFoundError"
        r"|\bModuleNotFoundError\b|\bImportError\b|\bMODULE_NOT_FOUND\b"
        r"|\bERR_MODULE_NOT_FOUND\b|exec format error"
        r"|cannot open shared object file",
    ),
    # a value that cannot be what it should be
    _rule(
        "value",
        "a value cannot be read as what it should be",
        r"invalid literal for int\(\)|could not convert string to float|NumberFormatException|\bInvalid URL\b"
        r"|ERR_INVALID_URL|invalid port|Invalid endpoint|invalid connection option|invalid dsn"
        r"|missing \"=\" after"
        r"|JSONDecodeError|Unexpected token .{1,40} in JSON|is not valid JSON|strconv\.\w+: parsing"
        r"|Could not parse (?:SQLAlchemy|rfc1738) URL|Not a valid (?:number|integer|URL)",
    ),
)
SQLSTATE = re.compile(
    r"(?:sql[-_ ]?state[\"']?\s*[:=(\[]?\s*|\bcode[\"']?\s*[:=]\s*|[\"']C[\"']\s*:\s*|\bSQLSTATE\[?)"
    r"[\"'(\[]?(?P<state>[0-9A-Z]{5})\b",
    re.IGNORECASE,
)
STATES = {
    "42P01": ("schema", "undefined table"),
    "42703": ("schema", "undefined column"),
    "42883": ("schema", "undefined function"),
    "42704": ("schema", "undefined object"),
    "3F000": ("schema", "undefined schema"),
    "42P07": ("schema", "the table exists already"),
    "42701": ("schema", "the column exists already"),
    "42S02": ("schema", "undefined table"),
    "42S22": ("schema", "undefined column"),
    "42501": ("permission", "access is denied"),
    "57P01": ("connection", "the database shuts connections"),
    "57P02": ("connection", "the database crashed"),
    "57P03": ("connection", "the database takes no connections now"),
    "57P05": ("connection", "the database shuts idle connections"),
    "3D000": ("connection", "the database does not exist"),
    "55000": ("connection", "the database is not in the state for it"),
    "57014": ("resources", "the statement ran out of time"),
    "53300": ("connection", "the database takes no more connections"),
}
CLASSES = {
    "08": ("connection", "the connection to the database failed"),
    "28": ("authentication", "the database refuses the login"),
    "53": ("resources", "the database lacks resources"),
    "22": ("code", "the database cannot take a value"),
    "23": ("code", "a constraint refuses what the code writes"),
    "42": ("code", "the database does not take the statement"),
    "25": ("code", "a transaction is not in the state for it"),
}
