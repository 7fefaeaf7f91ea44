-- Redshift's functions where DuckDB has none or another meaning. Run whenever the database is opened.
CREATE OR REPLACE MACRO main.rs_getdate() AS CAST(date_trunc('second', now() AT TIME ZONE 'UTC') AS TIMESTAMP);
CREATE OR REPLACE MACRO main.rs_sysdate() AS CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP);
CREATE OR REPLACE MACRO main.rs_add_months(d, n) AS
    CASE WHEN CAST(d AS DATE) = last_day(CAST(d AS DATE))
         THEN CAST(last_day(CAST(d + to_months(CAST(n AS INTEGER)) AS DATE)) AS TIMESTAMP)
         ELSE CAST(d AS TIMESTAMP) + to_months(CAST(n AS INTEGER)) END;
CREATE OR REPLACE MACRO main.rs_btrim(s) AS trim(s), (s, chars) AS trim(s, chars);
CREATE OR REPLACE MACRO main.rs_charindex(part, s) AS CAST(strpos(s, part) AS INTEGER);
CREATE OR REPLACE MACRO main.rs_concat(a, b) AS CAST(a AS VARCHAR) || CAST(b AS VARCHAR);
CREATE OR REPLACE MACRO main.rs_convert_timezone(target, ts) AS CAST(ts AS TIMESTAMP) AT TIME ZONE 'UTC' AT TIME ZONE target,
    (source, target, ts) AS CAST(ts AS TIMESTAMP) AT TIME ZONE source AT TIME ZONE target;
CREATE OR REPLACE MACRO main.rs_octet_length(s) AS CAST(strlen(s) AS INTEGER);
CREATE OR REPLACE MACRO main.rs_regexp_count(s, p) AS CAST(len(regexp_extract_all(s, p)) AS INTEGER);
CREATE OR REPLACE MACRO main.rs_regexp_replace(s, p) AS regexp_replace(s, p, '', 'g'), (s, p, r) AS regexp_replace(s, p, r, 'g');
CREATE OR REPLACE MACRO main.rs_regexp_substr(s, p) AS regexp_extract(s, p);
CREATE OR REPLACE MACRO main.rs_sha1(s) AS sha1(s);
CREATE OR REPLACE MACRO main.rs_sha2(s, bits) AS
    CASE WHEN bits IN (0, 256) THEN sha256(s) ELSE error('SHA2 of ' || bits || ' bits is not implemented by the local Redshift') END;
CREATE OR REPLACE MACRO main.rs_strtol(s, base) AS
    CASE WHEN s = '' THEN 0 ELSE
    (CASE WHEN starts_with(ltrim(s), '-') THEN -1 ELSE 1 END) * list_reduce(
        list_transform(string_split(regexp_replace(lower(trim(s)), CASE WHEN base = 16 THEN '^[+-]?(0x)?' ELSE '^[+-]?' END, ''), ''),
            lambda c: CASE WHEN strpos(left('0123456789abcdefghijklmnopqrstuvwxyz', base), c) > 0
                           THEN CAST(strpos('0123456789abcdefghijklmnopqrstuvwxyz', c) - 1 AS BIGINT)
                           ELSE error('The input ' || s || ' is not valid to be converted to base ' || base) END),
        lambda x, y: x * base + y) END;
CREATE OR REPLACE MACRO main.rs_trunc(x TIMESTAMP) AS CAST(x AS DATE), (x DOUBLE) AS trunc(x), (x, digits) AS trunc(x, digits);
-- FNV-1a over the value's bytes, little-endian: 4 of an INTEGER, 8 of a BIGINT, the text's own of a VARCHAR.
CREATE OR REPLACE MACRO main.rs_fnv_bytes(v) AS CASE typeof(v)
    WHEN 'VARCHAR' THEN list_transform(range(1, strlen(CAST(v AS VARCHAR)) + 1),
        lambda i: CAST(('0x' || substr(hex(encode(CAST(v AS VARCHAR))), 2 * i - 1, 2)) AS HUGEINT))
    ELSE list_transform(range(0, CASE typeof(v) WHEN 'BIGINT' THEN 8 WHEN 'SMALLINT' THEN 2 ELSE 4 END),
        lambda i: ((CAST(v AS HUGEINT) + 18446744073709551616) // (CAST(256 AS HUGEINT) ** i)::HUGEINT) % 256) END;
CREATE OR REPLACE MACRO main.rs_signed(h) AS CAST(CASE WHEN h >= 9223372036854775808 THEN h - 18446744073709551616 ELSE h END AS BIGINT);
CREATE OR REPLACE MACRO main.rs_fnv_hash(v, seed) AS main.rs_signed(list_reduce(main.rs_fnv_bytes(v),
    lambda h, b: (xor(h, b) * 1099511628211) % 18446744073709551616,
    (CAST(seed AS HUGEINT) + 18446744073709551616) % 18446744073709551616));
