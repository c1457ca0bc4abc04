"""What calling a function does, as far as its name tells: PostgreSQL's own, and a few extensions'.

The lists are PostgreSQL 17's with the additions of 18. A function that they do not name counts as
unknown, whatever it is called. A test holds them against a running server's catalog.
"""

from __future__ import annotations

from typing import Any

from pglast import ast

VOLATILE = frozenset(
    "array_sample array_shuffle clock_timestamp currval gen_random_uuid lastval nextval random "
    "random_normal timeofday uuidv4 uuidv7".split()
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
_PREFIXES = ("pg_", "st_")
"""PostgreSQL's own administration functions, none of which writes rows, and PostGIS's"""
_HARMLESS = frozenset(
    """
    abbrev abs acldefault aclexplode acos acosd acosh age any_value area array_agg array_dims array_fill
    array_length array_lower array_ndims array_position array_positions array_remove array_replace
    array_reverse array_sample array_shuffle array_sort array_to_json array_to_string array_to_tsvector
    array_upper ascii asin asind asinh atan atan2 atan2d atand atanh avg bit_and bit_count bit_length
    bit_or bit_xor bool bool_and bool_or box btrim cardinality casefold cash_words cbrt ceil ceiling
    center char_length character_length chr circle clock_timestamp col_description concat concat_ws
    convert convert_from convert_to corr cos cosd cosh cot cotd count covar_pop covar_samp crc32 crc32c
    cume_dist current_database current_query current_schema current_schemas current_setting current_user
    currval database_to_xml database_to_xml_and_xmlschema database_to_xmlschema date date_add date_bin
    date_part date_subtract date_trunc datemultirange daterange decode degrees dense_rank diagonal
    diameter div encode enum_first enum_last enum_range erf erfc every exp extract factorial family
    first_value float4 float8 floor format format_type gamma gcd gen_random_uuid generate_series
    generate_subscripts get_bit get_byte get_current_ts_config getdatabaseencoding getpgusername
    has_any_column_privilege has_column_privilege has_database_privilege
    has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege
    has_parameter_privilege has_schema_privilege has_sequence_privilege has_server_privilege
    has_table_privilege has_tablespace_privilege has_type_privilege height host hostmask
    icu_unicode_version inet_client_addr inet_client_port inet_server_addr inet_server_port initcap int2
    int4 int4multirange int4range int8 int8multirange int8range interval is_normalized isclosed isempty
    isfinite ishorizontal isopen isparallel isperp isvertical json_agg json_agg_strict
    json_array_elements json_array_elements_text json_array_length json_build_array json_build_object
    json_each json_each_text json_object json_object_agg json_object_agg_strict json_object_agg_unique
    json_object_agg_unique_strict json_object_keys json_populate_record json_populate_recordset
    json_strip_nulls json_to_record json_to_recordset json_to_tsvector json_typeof jsonb_agg
    jsonb_agg_strict jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array
    jsonb_build_object jsonb_each jsonb_each_text jsonb_insert jsonb_object jsonb_object_agg
    jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict jsonb_object_keys
    jsonb_path_exists jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query
    jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz
    jsonb_path_query_tz jsonb_populate_record jsonb_populate_record_valid jsonb_populate_recordset
    jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset
    jsonb_to_tsvector jsonb_typeof justify_days justify_hours justify_interval lag last_value lastval
    lcm lead left length lgamma like like_escape line ln lo_close lo_export lo_get lo_lseek lo_lseek64
    lo_open lo_tell lo_tell64 log log10 loread lower lower_inc lower_inf lpad lseg ltrim
    macaddr8_set7bit make_date make_interval make_time make_timestamp make_timestamptz makeaclitem
    masklen max md5 min min_scale mod mode multirange mxid_age netmask network normalize notlike now
    npoints nth_value ntile num_nonnulls num_nulls numeric numeric_exp numeric_ln numeric_log
    numeric_sqrt nummultirange numnode numrange obj_description octet_length overlaps overlay
    parse_ident percent_rank percentile_cont percentile_disc phraseto_tsquery pi plainto_tsquery point
    polygon position pow power querytree quote_ident quote_literal quote_nullable radians radius random
    random_normal range_agg range_intersect_agg range_merge rank regexp_count regexp_instr regexp_like
    regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr
    regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy repeat
    replace reverse right round row_number row_security_active row_to_json rpad rtrim scale
    schema_to_xml schema_to_xml_and_xmlschema schema_to_xmlschema session_user set_bit set_byte
    set_config set_masklen setseed setweight sha224 sha256 sha384 sha512 shobj_description sign sin sind
    sinh slope split_part sqrt statement_timestamp stddev stddev_pop stddev_samp string_agg
    string_to_array string_to_table strip strpos substr substring sum system_user table_to_xml
    table_to_xml_and_xmlschema table_to_xmlschema tan tand tanh text time timeofday timestamp
    timestamptz timetz timezone to_ascii to_bin to_char to_date to_hex to_json to_jsonb to_number to_oct
    to_regclass to_regcollation to_regnamespace to_regoper to_regoperator to_regproc to_regprocedure
    to_regrole to_regtype to_regtypemod to_timestamp to_tsquery to_tsvector transaction_timestamp
    translate trim_array trim_scale trunc ts_debug ts_delete ts_filter ts_headline ts_lexize ts_parse
    ts_rank ts_rank_cd ts_rewrite ts_stat ts_token_type tsmultirange tsquery_phrase tsrange
    tstzmultirange tstzrange tsvector_to_array txid_current txid_current_if_assigned
    txid_current_snapshot txid_snapshot_xip txid_snapshot_xmax txid_snapshot_xmin txid_status
    txid_visible_in_snapshot unicode_assigned unicode_version unistr unnest upper upper_inc upper_inf
    uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7 var_pop var_samp varchar variance version
    websearch_to_tsquery width width_bucket xml_is_well_formed xml_is_well_formed_content
    xml_is_well_formed_document xmlagg xmlcomment xmlexists xmltext xmlvalidate xpath xpath_exists
    """.split()
)
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
    return name[0] in known or name[0].startswith(_PREFIXES)


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
