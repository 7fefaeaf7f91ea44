"""Tables, views and schemas: Redshift's definitions as DuckDB's.

Keys that Redshift does not enforce are left out, for DuckDB would enforce them and hide duplicates. What DuckDB does
not keep (the length of a VARCHAR, an identity, distribution and sort keys) is kept as comments on columns and tables.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import duckdb
from sqlglot import exp, parse_one

from local_aws.redshift.errors import SqlError, not_implemented, syntax_error
from local_aws.redshift.translate import CHARACTER_TYPES, duckdb_type, generate, length_of

__all__ = ["Column", "check_identity", "columns_of", "define", "quoted"]

_DEFAULT_LENGTH = 256
_INTEGERS = frozenset({"INTEGER", "BIGINT"})


@dataclass(frozen=True)
class Column:
    """A column as Redshift knows it; ``length`` of a character column in bytes, ``identity`` as seed and step."""

    name: str
    type: str
    not_null: bool = False
    default: str | None = None
    length: int | None = None
    identity: tuple[int, int] | None = None
    explicit: bool = True
    """Whether a value may be given: not for an IDENTITY that is not BY DEFAULT."""

    def comment(self) -> str:
        """Return what DuckDB does not keep, as the column's comment."""
        kept = {"length": self.length, "identity": self.identity, "explicit": self.explicit}
        return json.dumps({name: value for name, value in kept.items() if value not in (None, True)})


def quoted(*names: str) -> str:
    """Return a name, with its schema where one is given, for DuckDB's SQL."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names if name)


def columns_of(connection: duckdb.DuckDBPyConnection, table: exp.Table) -> list[Column]:
    """Return the columns of a table in order.

    Raises
    ------
    SqlError
        When there is no such table.
    """
    rows = connection.execute(
        """SELECT column_name, data_type, NOT is_nullable, column_default, comment, schema_name
        FROM duckdb_columns() WHERE table_name = ?
            AND (schema_name = ? OR (? = '' AND (database_name = 'temp' OR schema_name = 'public')))
        ORDER BY database_name <> 'temp', column_index""",
        (table.name, table.db, table.db),
    ).fetchall()
    if not rows:
        raise SqlError(f'relation "{table.db + "." if table.db else ""}{table.name}" does not exist')
    first = rows[0][5]
    columns = []
    for name, kind, not_null, default, comment, schema in rows:
        if schema == first:  # a temporary table hides the permanent one of its name
            kept = json.loads(comment) if comment else {}
            identity = tuple(kept["identity"]) if "identity" in kept else None
            length, explicit = kept.get("length"), kept.get("explicit", True)
            columns.append(Column(name, kind, not_null, default, length, identity, explicit))
    return columns


def check_identity(connection: duckdb.DuckDBPyConnection, insert: exp.Insert) -> None:
    """Refuse an INSERT that gives a value to an IDENTITY column (c_Examples_of_INSERT_30).

    Raises
    ------
    SqlError
        When it does, or the table does not exist.
    """
    schema = insert.this if isinstance(insert.this, exp.Schema) else None
    known = columns_of(connection, schema.this if schema else insert.this)
    given = [part.name for part in schema.expressions] if schema else [column.name for column in known]
    rows = insert.expression.expressions if isinstance(insert.expression, exp.Values) else None
    for column in known:
        if not column.explicit and column.name in given:
            position = given.index(column.name)
            values = (
                [row.expressions[position].sql() for row in rows if position < len(row.expressions)] if rows else [""]
            )
            if any(value.upper() != "DEFAULT" for value in values):
                raise SqlError(f"cannot set an identity column to a value: {column.name}")


def define(connection: duckdb.DuckDBPyConnection, tree: exp.Create | exp.Drop | exp.Alter) -> list[str]:
    """Return DuckDB's statements for a CREATE, DROP or ALTER.

    Raises
    ------
    SqlError
        When Redshift would refuse it.
    """
    if isinstance(tree, exp.Drop):
        return _drop(connection, tree)
    if isinstance(tree, exp.Alter):
        return _alter(connection, tree)
    if tree.args["kind"] == "SCHEMA":
        return [f"CREATE SCHEMA {_exists(tree)}{quoted(tree.this.db)}"]
    if tree.args["kind"] == "VIEW":
        return [_view(tree)]
    return _table(connection, tree)


def _exists(tree: exp.Create) -> str:
    return "IF NOT EXISTS " if tree.args.get("exists") else ""


def _view(tree: exp.Create) -> str:
    target = tree.this
    columns = ""
    if isinstance(target, exp.Schema):
        columns = f" ({', '.join(quoted(column.name) for column in target.expressions)})"
        target = target.this
    replace = "OR REPLACE " if tree.args.get("replace") else ""
    return f"CREATE {replace}VIEW {quoted(target.db, target.name)}{columns} AS {generate(tree.expression)}"


def _table(connection: duckdb.DuckDBPyConnection, tree: exp.Create) -> list[str]:
    schema = tree.this if isinstance(tree.this, exp.Schema) else None
    target = schema.this if schema else tree.this
    properties = tree.args["properties"].expressions if tree.args.get("properties") else []
    temporary = any(isinstance(one, exp.TemporaryProperty) for one in properties) or target.name.startswith("#")
    if temporary and target.db:
        raise SqlError("cannot create temporary relation in non-temporary schema")
    name = quoted(target.db, target.name)
    head = f"CREATE {'TEMP ' if temporary else ''}TABLE {_exists(tree)}{name}"
    if tree.expression:
        return [f"{head} AS {_narrowed(connection, tree.expression, schema)}"]
    if schema is None:
        raise syntax_error("end of input", "a table has a list of columns or AS SELECT (r_CREATE_TABLE_NEW)")
    columns = _columns(connection, schema)
    if tree.args.get("exists") and _is_there(connection, target):
        return []
    _check_keys(properties, {column.name for column in columns})
    kept = " ".join(one.sql(dialect="redshift") for one in properties if not isinstance(one, exp.TemporaryProperty))
    sequences = []
    for position, column in enumerate(columns):
        if column.identity is not None:
            sequence = quoted(target.db, f"identity_{target.name}_{column.name}")
            sequences.append(_sequence(sequence, column.identity, temporary))
            columns[position] = replace(column, default=f"nextval('{sequence}')")
    return [*sequences, *_create(head, target, columns, kept)]


def _create(head: str, target: exp.Table, columns: list[Column], attributes: str) -> list[str]:
    """Return the statements that create a table and note what DuckDB does not keep."""
    name = quoted(target.db, target.name)
    comments = [
        f"COMMENT ON COLUMN {name}.{quoted(column.name)} IS '{column.comment()}'"
        for column in columns
        if column.comment() != "{}"
    ]
    if attributes:
        comments.append(f"COMMENT ON TABLE {name} IS '{attributes.replace(chr(39), '')}'")
    return [f"{head} ({', '.join(map(_part, columns))})", *comments]


def _sequence(name: str, identity: tuple[int, int], temporary: bool) -> str:
    start, step = identity
    limit = f"MINVALUE {min(start, 1)}" if step > 0 else f"MAXVALUE {max(start, -1)}"
    kind = "TEMP SEQUENCE" if temporary else "SEQUENCE"
    return f"CREATE OR REPLACE {kind} {name} START {start} INCREMENT {step} {limit}"


def _part(column: Column) -> str:
    text = f"{quoted(column.name)} {column.type}"
    if column.not_null:
        text += " NOT NULL"
    if column.default is not None:
        text += f" DEFAULT {column.default}"
    if column.length is not None:
        # DuckDB ignores the length of a VARCHAR; Redshift counts bytes and refuses what is longer.
        text += f" CHECK (strlen({quoted(column.name)}) <= {column.length})"
    return text


def _is_there(connection: duckdb.DuckDBPyConnection, target: exp.Table) -> bool:
    try:
        return bool(columns_of(connection, target))
    except SqlError:
        return False


def _columns(connection: duckdb.DuckDBPyConnection, schema: exp.Schema) -> list[Column]:
    columns: list[Column] = []
    for part in schema.expressions:
        if isinstance(part, exp.LikeProperty):
            keep = any(
                str(option.args["value"]) == "DEFAULTS" and option.name == "INCLUDING" for option in part.expressions
            )
            for one in columns_of(connection, part.this):
                default = one.default if keep and not one.identity else None
                columns.append(Column(one.name, one.type, one.not_null, default, one.length))
        elif isinstance(part, exp.ColumnDef):
            columns.append(_column(part))
        elif not isinstance(part, exp.PrimaryKey | exp.ForeignKey | exp.UniqueColumnConstraint | exp.Constraint):
            raise syntax_error(part.sql("redshift"), "see r_CREATE_TABLE_NEW")
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise SqlError(f'column "{name}" specified more than once')
    return columns


def _column(definition: exp.ColumnDef) -> Column:
    kind = definition.args.get("kind")
    if kind is None:
        raise syntax_error(definition.name, "a column has a type")
    not_null, default, identity, explicit = False, None, None, True
    for constraint in definition.constraints:
        what = constraint.kind
        if isinstance(what, exp.NotNullColumnConstraint):
            not_null = not what.args.get("allow_null")
        elif isinstance(what, exp.DefaultColumnConstraint):
            default = generate(what.this)
        elif isinstance(what, exp.GeneratedAsIdentityColumnConstraint):
            identity = (_whole(what.args["start"]), _whole(what.args["increment"]))
            if what.this:
                raise syntax_error("ALWAYS", "GENERATED BY DEFAULT AS IDENTITY (r_CREATE_TABLE_NEW)")
            explicit = "on_null" in what.args  # only GENERATED BY DEFAULT AS IDENTITY has it
            not_null = True
        elif isinstance(what, exp.PrimaryKeyColumnConstraint):
            not_null = True
    name = duckdb_type(kind)
    if identity and name not in _INTEGERS:
        raise SqlError(f'identity column "{definition.name}" must be INT or BIGINT')
    length = length_of(kind, 1 if str(kind.this.value) in ("CHAR", "NCHAR") else _DEFAULT_LENGTH)
    return Column(
        definition.name, name, not_null, default, length if kind.this in CHARACTER_TYPES else None, identity, explicit
    )


def _whole(node: exp.Expr) -> int:
    return int(node.sql())


def _check_keys(properties: list[exp.Expr], names: set[str]) -> None:
    for one in properties:
        if isinstance(one, exp.DistKeyProperty | exp.SortKeyProperty):
            listed = one.this if isinstance(one.this, list) else [one.this]
            for column in listed:
                if column.name.upper() != "AUTO" and column.name not in names:
                    raise SqlError(f'column "{column.name}" named in key does not exist')


def _narrowed(connection: duckdb.DuckDBPyConnection, query: exp.Query, schema: exp.Schema | None) -> str:
    """Return a query whose columns have types that Redshift has: a sum of whole numbers is a BIGINT."""
    text = generate(query)
    described = connection.execute(f"DESCRIBE {text}").fetchall()
    names = [column.name for column in schema.expressions] if schema else [row[0].lower() for row in described]
    if len(names) != len(described):
        raise SqlError("CREATE TABLE AS specifies a different number of columns than the query")
    columns = []
    for position, (name, row) in enumerate(zip(names, described, strict=True), start=1):
        if names.count(name) > 1:
            raise SqlError(f'column "{name}" duplicated')
        cast = f"CAST(c{position} AS BIGINT)" if row[1] == "HUGEINT" else f"c{position}"
        columns.append(f"{cast} AS {quoted(name)}")
    aliases = ", ".join(f"c{position}" for position in range(1, len(names) + 1))
    return f"SELECT {', '.join(columns)} FROM ({text}) AS q({aliases})"  # noqa: S608


def _drop(connection: duckdb.DuckDBPyConnection, tree: exp.Drop) -> list[str]:
    kind = tree.args["kind"]
    if kind not in ("TABLE", "VIEW", "SCHEMA"):
        raise not_implemented(f"DROP {kind}")
    exists = "IF EXISTS " if tree.args.get("exists") else ""
    tables = tree.args.get("tables") or [tree.this]
    statements = []
    for table in tables:
        dependents = _dependents(connection, table) if kind != "SCHEMA" else []
        if dependents and not tree.args.get("cascade"):
            raise SqlError(
                f"cannot drop {kind.lower()} {table.name} because other objects depend on it",
                detail=f"view {'.'.join(dependents[-1])} depends on it",
                hint="Use DROP ... CASCADE to drop the dependent objects too.",
            )
        statements += [f"DROP VIEW IF EXISTS {quoted(*view)}" for view in dependents]
        cascade = " CASCADE" if tree.args.get("cascade") else ""
        statements.append(f"DROP {kind} {exists}{quoted(table.db, table.name)}{cascade}")
    return statements


def _dependents(connection: duckdb.DuckDBPyConnection, table: exp.Table) -> list[tuple[str, str]]:
    """Return the views that read a table or view, and those that read them, the outermost first."""
    views = connection.execute("SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal").fetchall()
    found: list[tuple[str, str]] = []
    wanted = [(table.db or "public", table.name)]
    while wanted:
        name = wanted.pop()
        for schema, view, text in views:
            tree = parse_one(text, read="duckdb")
            read = {(one.db or "public", one.name) for one in tree.expression.find_all(exp.Table)}
            if name in read and (schema, view) not in found:
                found.insert(0, (schema, view))
                wanted.append((schema, view))
    return found


def _alter(connection: duckdb.DuckDBPyConnection, tree: exp.Alter) -> list[str]:
    table, actions = tree.this, tree.args["actions"]
    name = quoted(table.db, table.name)
    if tree.args["kind"] != "TABLE" or len(actions) != 1:
        raise syntax_error(",", "ALTER TABLE does one thing to one table (r_ALTER_TABLE)")
    action = actions[0]
    if isinstance(action, exp.AlterRename):
        return [f"ALTER TABLE {name} RENAME TO {quoted(action.this.name)}"]
    if isinstance(action, exp.RenameColumn):
        return [f"ALTER TABLE {name} RENAME COLUMN {quoted(action.this.name)} TO {quoted(action.args['to'].name)}"]
    if isinstance(action, exp.Drop):
        return _rebuilt(connection, table, _without(columns_of(connection, table), action))
    if isinstance(action, exp.ColumnDef):
        return _rebuilt(connection, table, _with_column(columns_of(connection, table), table, _column(action)))
    if isinstance(action, exp.AlterColumn) and action.args.get("dtype") is not None:
        return _rebuilt(connection, table, _lengthened(columns_of(connection, table), action))
    raise not_implemented(f"ALTER TABLE {type(action).__name__}")


def _with_column(columns: list[Column], table: exp.Table, column: Column) -> list[Column]:
    if column.identity:
        raise SqlError("an identity column cannot be added", hint="see r_ALTER_TABLE")
    if column.not_null and column.default is None:
        raise SqlError("ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression")
    if any(one.name == column.name for one in columns):
        raise SqlError(f'column "{column.name}" of relation "{table.name}" already exists')
    return [*columns, column]


def _without(columns: list[Column], action: exp.Drop) -> list[Column]:
    name = action.find(exp.Identifier).name  # type: ignore[union-attr]  # the grammar asks for one
    if all(column.name != name for column in columns):
        raise SqlError(f'column "{name}" does not exist')
    return [column for column in columns if column.name != name]


def _lengthened(columns: list[Column], action: exp.AlterColumn) -> list[Column]:
    kind = action.args["dtype"]
    changed = next((column for column in columns if column.name == action.this.name), None)
    if changed is None:
        raise SqlError(f'column "{action.this.name}" does not exist')
    if kind.this != exp.DType.VARCHAR or changed.length is None:
        raise SqlError("only the size of a VARCHAR column can be altered", hint="see r_ALTER_TABLE")
    length = length_of(kind, _DEFAULT_LENGTH)
    return [replace(column, length=length) if column is changed else column for column in columns]


def _rebuilt(connection: duckdb.DuckDBPyConnection, table: exp.Table, columns: list[Column]) -> list[str]:
    """Return the statements that give a table other columns; DuckDB alters no table that has constraints."""
    before = {column.name for column in columns_of(connection, table)}
    known = ", ".join(quoted(column.name) for column in columns if column.name in before)
    row = connection.execute(
        "SELECT comment FROM duckdb_tables() WHERE table_name = ? AND schema_name = ?",
        [table.name, table.db or "public"],
    ).fetchone()
    fresh = exp.Table(this=exp.to_identifier(f"{table.name}_rebuilt"), db=table.args.get("db"))
    name = quoted(fresh.db, fresh.name)
    moved = f"INSERT INTO {name} ({known}) SELECT {known} FROM {quoted(table.db, table.name)}"  # noqa: S608
    return [
        *_create(f"CREATE TABLE {name}", fresh, columns, (row and row[0]) or ""),
        moved,
        f"DROP TABLE {quoted(table.db, table.name)}",
        f"ALTER TABLE {name} RENAME TO {quoted(table.name)}",
    ]
