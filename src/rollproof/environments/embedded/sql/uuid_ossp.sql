-- What the extension uuid-ossp offers, in SQL: for servers that come without it (manual, appendix F).
-- Names and signatures are the extension's own. Versions 3 and 5 are computed as RFC 9562 has them; of the
-- others no two are the same, and node and clock sequence of version 1 are made up for each value.

CREATE FUNCTION uuid_nil() RETURNS uuid IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
AS $$ SELECT '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid $$;

CREATE FUNCTION uuid_ns_dns() RETURNS uuid IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
AS $$ SELECT '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::pg_catalog.uuid $$;

CREATE FUNCTION uuid_ns_url() RETURNS uuid IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
AS $$ SELECT '6ba7b811-9dad-11d1-80b4-00c04fd430c8'::pg_catalog.uuid $$;

CREATE FUNCTION uuid_ns_oid() RETURNS uuid IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
AS $$ SELECT '6ba7b812-9dad-11d1-80b4-00c04fd430c8'::pg_catalog.uuid $$;

CREATE FUNCTION uuid_ns_x500() RETURNS uuid IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
AS $$ SELECT '6ba7b814-9dad-11d1-80b4-00c04fd430c8'::pg_catalog.uuid $$;

CREATE FUNCTION uuid_generate_v4() RETURNS uuid VOLATILE STRICT PARALLEL SAFE LANGUAGE sql
AS $$ SELECT pg_catalog.gen_random_uuid() $$;

CREATE FUNCTION uuid_generate_v1() RETURNS uuid VOLATILE STRICT PARALLEL SAFE LANGUAGE plpgsql
AS $$
DECLARE
  -- 100 ns since 15 October 1582
  ticks pg_catalog.text := pg_catalog.lpad(pg_catalog.to_hex(
    (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8 * 10
    + 122192928000000000), 16, '0');
  made pg_catalog.text := pg_catalog.replace(pg_catalog.gen_random_uuid()::pg_catalog.text, '-', '');
BEGIN
  RETURN (pg_catalog.substr(ticks, 9, 8) || pg_catalog.substr(ticks, 5, 4) || '1'
    || pg_catalog.substr(ticks, 2, 3) || pg_catalog.substr(made, 17, 16))::pg_catalog.uuid;
END
$$;

CREATE FUNCTION uuid_generate_v1mc() RETURNS uuid VOLATILE STRICT PARALLEL SAFE LANGUAGE plpgsql
AS $$
DECLARE
  ticks pg_catalog.text := pg_catalog.lpad(pg_catalog.to_hex(
    (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8 * 10
    + 122192928000000000), 16, '0');
  made pg_catalog.text := pg_catalog.replace(pg_catalog.gen_random_uuid()::pg_catalog.text, '-', '');
BEGIN
  RETURN (pg_catalog.substr(ticks, 9, 8) || pg_catalog.substr(ticks, 5, 4) || '1'
    || pg_catalog.substr(ticks, 2, 3) || pg_catalog.substr(made, 17, 5) || '3'  -- the multicast bit is set
    || pg_catalog.substr(made, 23, 10))::pg_catalog.uuid;
END
$$;

CREATE FUNCTION uuid_generate_v3(namespace uuid, name text) RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE plpgsql
AS $$
DECLARE
  hash pg_catalog.bytea := pg_catalog.decode(pg_catalog.md5(pg_catalog.uuid_send(namespace)
    || pg_catalog.convert_to(name, pg_catalog.getdatabaseencoding())), 'hex');
BEGIN
  hash := pg_catalog.set_byte(hash, 6, (pg_catalog.get_byte(hash, 6) & 15) | 48);
  hash := pg_catalog.set_byte(hash, 8, (pg_catalog.get_byte(hash, 8) & 63) | 128);
  RETURN pg_catalog.encode(hash, 'hex')::pg_catalog.uuid;
END
$$;

CREATE FUNCTION uuid_generate_v5(namespace uuid, name text) RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE plpgsql
AS $$
DECLARE
  mask constant pg_catalog.int8 := 4294967295;
  said pg_catalog.bytea := pg_catalog.uuid_send(namespace)
    || pg_catalog.convert_to(name, pg_catalog.getdatabaseencoding());
  bits pg_catalog.int8 := pg_catalog.length(said) * 8;
  -- SHA-1 (FIPS 180-4), which the server itself does not have
  padded pg_catalog.bytea := said || '\x80'::pg_catalog.bytea || pg_catalog.decode(pg_catalog.repeat('00',
    (119 - pg_catalog.length(said) % 64) % 64), 'hex') || pg_catalog.int8send(bits);
  h pg_catalog.int8[] := ARRAY[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
  w pg_catalog.int8[];
  a pg_catalog.int8; b pg_catalog.int8; c pg_catalog.int8; d pg_catalog.int8; e pg_catalog.int8;
  f pg_catalog.int8; k pg_catalog.int8; x pg_catalog.int8;
  hash pg_catalog.bytea;
BEGIN
  FOR block IN 0 .. pg_catalog.length(padded) / 64 - 1 LOOP
    FOR t IN 0 .. 79 LOOP
      IF t < 16 THEN
        w[t] := (pg_catalog.get_byte(padded, block * 64 + t * 4)::pg_catalog.int8 << 24)
          | (pg_catalog.get_byte(padded, block * 64 + t * 4 + 1) << 16)
          | (pg_catalog.get_byte(padded, block * 64 + t * 4 + 2) << 8)
          | pg_catalog.get_byte(padded, block * 64 + t * 4 + 3);
      ELSE
        x := w[t - 3] # w[t - 8] # w[t - 14] # w[t - 16];
        w[t] := ((x << 1) | (x >> 31)) & mask;
      END IF;
    END LOOP;
    a := h[1]; b := h[2]; c := h[3]; d := h[4]; e := h[5];
    FOR t IN 0 .. 79 LOOP
      IF t < 20 THEN
        f := (b & c) | ((b # mask) & d); k := 1518500249;
      ELSIF t < 40 THEN
        f := b # c # d; k := 1859775393;
      ELSIF t < 60 THEN
        f := (b & c) | (b & d) | (c & d); k := 2400959708;
      ELSE
        f := b # c # d; k := 3395469782;
      END IF;
      x := ((((a << 5) | (a >> 27)) & mask) + f + e + k + w[t]) & mask;
      e := d; d := c; c := ((b << 30) | (b >> 2)) & mask; b := a; a := x;
    END LOOP;
    h := ARRAY[(h[1] + a) & mask, (h[2] + b) & mask, (h[3] + c) & mask, (h[4] + d) & mask, (h[5] + e) & mask];
  END LOOP;
  hash := pg_catalog.decode(pg_catalog.lpad(pg_catalog.to_hex(h[1]), 8, '0')
    || pg_catalog.lpad(pg_catalog.to_hex(h[2]), 8, '0') || pg_catalog.lpad(pg_catalog.to_hex(h[3]), 8, '0')
    || pg_catalog.lpad(pg_catalog.to_hex(h[4]), 8, '0'), 'hex');
  hash := pg_catalog.set_byte(hash, 6, (pg_catalog.get_byte(hash, 6) & 15) | 80);
  hash := pg_catalog.set_byte(hash, 8, (pg_catalog.get_byte(hash, 8) & 63) | 128);
  RETURN pg_catalog.encode(hash, 'hex')::pg_catalog.uuid;
END
$$;
