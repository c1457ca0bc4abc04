"""What calling a function does, as far as its name tells: PostgreSQL's own, and a few extensions'.

The lists are PostgreSQL 13 to 18's. A test holds them against the running server's catalog: no name
here is unknown to it or to a newer version, and the volatile ones are marked volatile there.
"""

from __future__ import annotations

from typing import Any

from pglast import ast

VOLATILE = frozenset(
    "array_sample array_shuffle clock_timestamp currval gen_random_uuid lastval nextval random "
    "random_normal setval timeofday uuidv4 uuidv7".split()
)
"""of PostgreSQL's own, those that may give each row another value and stand in defaults"""
VOLATILE_IN_EXTENSIONS = frozenset(
    "uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 uuid_generate_v7 gen_random_bytes gen_salt "
    "gen_random_ulid nanoid".split()
)
_HARMLESS_IN_EXTENSIONS = frozenset(
    "uuid_generate_v3 uuid_generate_v5 uuid_nil uuid_ns_dns uuid_ns_url digest hmac crypt similarity "
    "word_similarity unaccent hstore slice akeys avals skeys svals levenshtein metaphone soundex "
    "dmetaphone earth_distance ll_to_earth postgis_version postgis_full_version".split()
)
_PREFIXES = (
    "pg_ has_ json_ jsonb_ to_ ts_ txid_ regexp_ array_ range_ bool_ bit_ make_ xml enum_ inet_ regr_ sha "
    "string_ current_ quote_ num_ var_ stddev percentile_ date_ covar_ justify_ uuid_extract_ st_ age_"
).split()
_HARMLESS = frozenset(
    """
    abs acldefault aclexplode acos acosd acosh age any_value area ascii asin asind asinh atan atan2 atan2d
    atand atanh avg box broadcast btrim cardinality casefold cbrt ceil ceiling center char_length
    character_length chr circle col_description concat concat_ws convert convert_from convert_to corr cos
    cosd cosh cot cotd count crc32 crc32c cume_dist datemultirange daterange decode degrees dense_rank
    diameter div encode erf erfc every exp extract factorial family first_value float4 float8 floor format
    format_type gamma gcd generate_series generate_subscripts get_bit get_byte get_current_ts_config
    height host hostmask icu_unicode_version initcap int2 int4 int4multirange int4range int8
    int8multirange int8range is_normalized isclosed isempty isfinite isopen lag last_value lcm lead left
    length lgamma line ln log log10 lower lower_inc lower_inf lpad lseg ltrim masklen max md5 merge_action
    min min_scale mod mode multirange mxid_age netmask network normalize now npoints nth_value ntile
    nummultirange numeric numnode numrange obj_description octet_length overlaps overlay parse_ident path
    percent_rank phraseto_tsquery pi plainto_tsquery point polygon position pow power querytree radians
    radius rank repeat replace reverse right round row_number row_security_active row_to_json rpad rtrim
    scale session_user set_bit set_byte set_masklen setseed setweight shobj_description sign sin sind
    sinh slope split_part sqrt statement_timestamp strip strpos substr substring sum system_user tan
    tand tanh text timezone transaction_timestamp translate trim_scale trunc tsmultirange tsrange
    tstzmultirange tstzrange tsvector_to_array unicode_version unicode_assigned unistr unnest upper
    upper_inc upper_inf variance version websearch_to_tsquery width width_bucket set_config lo_get
    lo_open lo_close lo_lseek lo_lseek64 lo_tell lo_tell64 loread lo_export trim_array bit_count
    table_to_xml schema_to_xml database_to_xml
    """.split()
)
MOVES_SEQUENCES = frozenset({"setval", "nextval"})
WRITES_LARGE_OBJECTS = frozenset(
    "lo_creat lo_create lo_from_bytea lo_import lo_put lowrite lo_truncate lo_truncate64".split()
)
DROPS_LARGE_OBJECTS = "lo_unlink"


def function_name(call: Any) -> tuple[str, ...]:
    """The parts of a called function's name, without `pg_catalog`."""
    name = tuple(part.sval for part in call.funcname)
    return name[1:] if name[0] == "pg_catalog" else name


def leaves_no_trace(call: Any) -> bool:
    """True for a call that is known to change nothing that lasts."""
    if call.funcname[0].sval == "pg_catalog":
        return True
    name = function_name(call)
    if len(name) > 1:
        return False
    known = _HARMLESS | _HARMLESS_IN_EXTENSIONS | VOLATILE | VOLATILE_IN_EXTENSIONS
    return name[0] in known or name[0].startswith(tuple(_PREFIXES))


def volatile_call(node: Any) -> str:
    """`random()` for a call that makes a default another value for each row; "" for any other node.

    A function that is not PostgreSQL's own counts as one: its volatility is not in the text.
    """
    if not isinstance(node, ast.FuncCall):
        return ""
    name = function_name(node)
    known_stable = (
        len(name) == 1 and leaves_no_trace(node) and name[0] not in VOLATILE | VOLATILE_IN_EXTENSIONS
    )
    return "" if known_stable else f"{'.'.join(name)}()"
