"""What Redshift's SQL is made of: the functions, types, words and kinds of node that a statement may use.

Each list is closed: what is not in it is refused, whatever DuckDB could do with it.
"""

from __future__ import annotations

from sqlglot import exp

__all__ = ["AGGREGATES", "FUNCTIONS", "LEADER_ONLY", "NODES", "RANKING", "RESERVED", "TYPES", "UNIMPLEMENTED"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


AGGREGATES = _words(
    """ANY_VALUE AVG BOOL_AND BOOL_OR COUNT LISTAGG MAX MEDIAN MIN PERCENTILE_CONT PERCENTILE_DISC STDDEV STDDEV_POP
    STDDEV_SAMP SUM VAR_POP VAR_SAMP VARIANCE"""
)
"""Aggregate functions (c_Aggregate_Functions)."""

RANKING = _words(
    """CUME_DIST DENSE_RANK FIRST_VALUE LAG LAST_VALUE LEAD NTH_VALUE NTILE PERCENT_RANK RANK RATIO_TO_REPORT
    ROW_NUMBER"""
)
"""Functions that need a window (c_Window_functions)."""

FUNCTIONS = (
    AGGREGATES
    | RANKING
    | _words(
        """ABS ACOS ADD_MONTHS ASCII ASIN ATAN ATAN2 BTRIM CAST CBRT CEIL CEILING CHARACTER_LENGTH CHARINDEX CHAR_LENGTH
        CHR COALESCE CONCAT CONVERT CONVERT_TIMEZONE COS COT DATEADD DATEDIFF DATE_ADD DATE_DIFF DATE_PART DATE_TRUNC
        DECODE DEGREES EXP EXTRACT FLOOR FNV_HASH FUNC_SHA1 GETDATE GREATEST INITCAP LAST_DAY LEAST LEFT LEN LENGTH LN
        LOG LOWER LPAD LTRIM MD5 MOD MONTHS_BETWEEN NULLIF NVL NVL2 OCTET_LENGTH PI POSITION POWER RADIANS RANDOM
        REGEXP_COUNT REGEXP_REPLACE REGEXP_SUBSTR REPEAT REPLACE REVERSE RIGHT ROUND RPAD RTRIM SHA SHA1 SHA2 SIGN SIN
        SPLIT_PART SQRT STRPOS STRTOL SUBSTR SUBSTRING TAN TEXTLEN TO_CHAR TO_DATE TO_TIMESTAMP TRANSLATE TRIM TRUNC
        UPPER GROUPING CUBE ROLLUP GROUPING_ID EXISTS ANY ALL SOME"""
    )
)
"""Functions that a statement may call (c_SQL_functions), and predicates written like them."""

LEADER_ONLY = _words("AGE CURRENT_SCHEMA CURRENT_SCHEMAS CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME NOW")
"""Functions that run on the leader node only, so not on tables (c_SQL_functions_leader_node_only)."""

UNIMPLEMENTED = _words(
    """APPROXIMATE ARRAY ARRAY_CONCAT ARRAY_FLATTEN BIT_AND BIT_OR BPCHARCMP BTTEXT_PATTERN_CMP CAN_JSON_PARSE CHECKSUM
    COLLATE CRC32 CRC32C CURRENT_DATABASE DATE_CMP DATE_CMP_TIMESTAMP DATE_PART_YEAR DEXP DLOG1 DLOG10 FARMHASH64
    GET_ARRAY_LENGTH HAS_TABLE_PRIVILEGE INTERVAL_CMP IS_VALID_JSON JSON_ARRAY_LENGTH JSON_EXTRACT_PATH_TEXT JSON_PARSE
    JSON_SERIALIZE MURMUR3_32_HASH NEXT_DAY PG_LAST_COPY_COUNT PG_LAST_QUERY_ID QUOTE_IDENT QUOTE_LITERAL REGEXP_INSTR
    SIZE SOUNDEX SPLIT_TO_ARRAY SUBARRAY TIMEOFDAY TO_HEX TO_NUMBER TO_VARBYTE TRY_CAST VERSION"""
)
"""Functions that Redshift has and the local warehouse has not: refused, but by another error."""

TYPES: dict[exp.DType, str] = {
    exp.DType.SMALLINT: "SMALLINT",
    exp.DType.INT: "INTEGER",
    exp.DType.BIGINT: "BIGINT",
    exp.DType.DECIMAL: "DECIMAL",
    exp.DType.FLOAT: "REAL",
    exp.DType.DOUBLE: "DOUBLE",
    exp.DType.BOOLEAN: "BOOLEAN",
    exp.DType.CHAR: "VARCHAR",
    exp.DType.NCHAR: "VARCHAR",
    exp.DType.BPCHAR: "VARCHAR",
    exp.DType.VARCHAR: "VARCHAR",
    exp.DType.NVARCHAR: "VARCHAR",
    exp.DType.TEXT: "VARCHAR",
    exp.DType.DATE: "DATE",
    exp.DType.TIME: "TIME",
    exp.DType.TIMESTAMP: "TIMESTAMP",
    exp.DType.TIMESTAMPTZ: "TIMESTAMPTZ",
}
"""Redshift's types and DuckDB's (c_Supported_data_types); not implemented: SUPER, VARBYTE, GEOMETRY, HLLSKETCH."""

RESERVED = _words(
    """AES128 AES256 ALL ALLOWOVERWRITE ANALYSE ANALYZE AND ANY ARRAY AS ASC AUTHORIZATION AZ64 BACKUP BETWEEN BINARY
    BLANKSASNULL BOTH BYTEDICT BZIP2 CASE CAST CHECK COLLATE COLUMN CONNECT CONSTRAINT CREATE CREDENTIALS CROSS
    CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURRENT_USER_ID DEFAULT DEFERRABLE DEFLATE DEFRAG DELTA
    DELTA32K DESC DISABLE DISTINCT DO ELSE EMPTYASNULL ENABLE ENCODE ENCRYPT ENCRYPTION END EXCEPT EXPLICIT FALSE FOR
    FOREIGN FREEZE FROM FULL GLOBALDICT256 GLOBALDICT64K GRANT GROUP GZIP HAVING IDENTITY IGNORE ILIKE IN INITIALLY
    INNER INTERSECT INTERVAL INTO IS ISNULL JOIN LANGUAGE LEADING LEFT LIKE LIMIT LOCALTIME LOCALTIMESTAMP LUN LUNS LZO
    LZOP MINUS MOSTLY16 MOSTLY32 MOSTLY8 NATURAL NEW NOT NOTNULL NULL NULLS OFF OFFLINE OFFSET OID OLD ON ONLY OPEN OR
    ORDER OUTER OVERLAPS PARALLEL PARTITION PERCENT PERMISSIONS PIVOT PLACING PRIMARY QUALIFY RAW READRATIO RECOVER
    REFERENCES REJECTLOG RESORT RESPECT RESTORE RIGHT SELECT SESSION_USER SIMILAR SNAPSHOT SOME SYSDATE SYSTEM TABLE TAG
    TDES TEXT255 TEXT32K THEN TIMESTAMP TO TOP TRAILING TRUE TRUNCATECOLUMNS UNION UNIQUE UNNEST UNPIVOT USER USING
    VERBOSE WALLET WHEN WHERE WITH WITHOUT"""
)
"""Words that name nothing unless quoted (r_pg_keywords)."""

NODES: frozenset[type[exp.Expr]] = frozenset(
    {
        # statements
        exp.Select, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter, exp.TruncateTable,
        # clauses
        exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Qualify, exp.Order, exp.Ordered, exp.Limit,
        exp.Offset, exp.With, exp.CTE, exp.Subquery, exp.Union, exp.Except, exp.Intersect, exp.Distinct, exp.Into,
        exp.Values, exp.Tuple, exp.Whens, exp.When, exp.Cube, exp.Rollup, exp.GroupingSets, exp.LimitOptions,
        # names
        exp.Table, exp.TableAlias, exp.Column, exp.Identifier, exp.Alias, exp.Star, exp.Var, exp.Schema,
        # definitions
        exp.ColumnDef, exp.ColumnConstraint, exp.NotNullColumnConstraint, exp.DefaultColumnConstraint,
        exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint, exp.IndexParameters, exp.PrimaryKey,
        exp.ForeignKey, exp.Reference, exp.Constraint, exp.EncodeColumnConstraint,
        exp.GeneratedAsIdentityColumnConstraint, exp.Properties, exp.Property, exp.DistKeyProperty,
        exp.DistStyleProperty, exp.SortKeyProperty, exp.BackupProperty, exp.EncodeProperty, exp.LikeProperty,
        exp.TemporaryProperty, exp.ViewAttributeProperty, exp.AlterRename, exp.RenameColumn, exp.AlterColumn,
        # expressions
        exp.Literal, exp.Null, exp.Boolean, exp.Placeholder, exp.Paren, exp.Neg, exp.Not, exp.And, exp.Or, exp.EQ,
        exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between, exp.Like, exp.ILike, exp.SimilarTo,
        exp.Escape, exp.RegexpLike, exp.RegexpILike, exp.Exists, exp.Any, exp.All, exp.Add, exp.Sub, exp.Mul, exp.Div,
        exp.Mod, exp.DPipe, exp.Cast, exp.Case, exp.If, exp.DataType, exp.DataTypeParam, exp.Interval,
        exp.CurrentDate, exp.Window, exp.WindowSpec, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls,
        exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot, exp.BitwiseLeftShift, exp.BitwiseRightShift,
        exp.ApproxDistinct, exp.ApproxQuantile, exp.AtTimeZone, exp.CurrentTimestamp, exp.CurrentTime, exp.Pow,
    }
)  # fmt: skip
"""Kinds of node that have a meaning in Redshift; calls of functions are judged by their names instead."""
