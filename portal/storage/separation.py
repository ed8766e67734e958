"""Several forces in one PostgreSQL: each row belongs to one, and a transaction sees the rows of one only.

Every table has a column ``force``, which fills itself from the transaction's setting ``handover.force``, keys that hold
it, and a policy of PostgreSQL's row security. No query names the force: one that forgot to could not leak. The policies
bind the portal's own user from the moment that a force with a short name opens the database (``bind``); until then, and
for a portal alone, they cost nothing. A file (SQLite) holds one force, and knows nothing of this.

An index is of use under a policy only where the condition can't fail or tell of a row: plain columns, compared by
built-in operators; not what a function computes (keep that in a generated column), and no operator of PostGIS but to
sort by.

A migration that makes a table calls ``create_table`` of this module in place of Alembic's, and names every key as a
constraint of the table. What belongs to no force stands in ``OF_NO_FORCE``, with the reason.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection, text

from exchange.errors import SettingsInvalid
from portal.storage.names import ALONE

SETTING = "handover.force"
OF_NO_FORCE = {
    "alembic_version": "which steps of the schema were made",
    "schema_mark": "which step a portal must know",
    "spatial_ref_sys": "PostGIS's list of coordinate systems",
}
AS_FORCE = text(f"SELECT set_config('{SETTING}', :force, true)")
"""Until the transaction ends."""
_SET = f"NULLIF(current_setting('{SETTING}', true), '')"
_POLICY = "of_its_force"
_BOUND = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relforcerowsecurity"
_UNBOUND = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
    "AND relrowsecurity AND NOT relforcerowsecurity ORDER BY relname"
)
_ABOVE = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
_OTHERS = (
    "SELECT EXISTS (SELECT FROM officers WHERE force <> :force) OR EXISTS (SELECT FROM devices WHERE force <> :force)"
)


# -- in migrations -----------------------------------------------------------------------------------------------


def create_table(name: str, *parts: sa.Column[Any] | sa.Constraint, **options: Any) -> None:
    """Alembic's ``create_table``; on PostgreSQL, of a table whose rows belong to a force each.

    ValueError for a key that stands at a column: only one of the table's own can be made to hold the force.
    """
    if not _is_shared():
        op.create_table(name, *parts, **options)
        return
    columns = [part for part in parts if isinstance(part, sa.Column)]
    if any(column.primary_key or column.unique or column.foreign_keys for column in columns):
        raise ValueError(f"{name}: write keys as constraints of the table")
    constraints = [part for part in parts if isinstance(part, sa.Constraint)]
    sa.Table(name, sa.MetaData(), *(sa.Column(column.name, column.type) for column in columns), *constraints)
    op.create_table(name, *columns, _column(), *map(_with_force, constraints), **options)
    _protect(name)


def separate(names: Sequence[str]) -> None:
    """What ``create_table`` does, for tables that stand already: their rows become those of the portal's one force."""
    if not _is_shared():
        return
    found = sa.inspect(op.get_bind())
    keys = [(name, key) for name in names for key in found.get_foreign_keys(name)]
    for name, key in keys:
        op.drop_constraint(str(key["name"]), name, type_="foreignkey")
    for name in names:
        op.add_column(name, _column())
        primary = found.get_pk_constraint(name)
        op.drop_constraint(str(primary["name"]), name, type_="primary")
        op.create_primary_key(str(primary["name"]), name, [*primary["constrained_columns"], "force"])
        for unique in found.get_unique_constraints(name):
            op.drop_constraint(str(unique["name"]), name, type_="unique")
            op.create_unique_constraint(str(unique["name"]), name, [*unique["column_names"], "force"])
        _protect(name)
    for name, key in keys:
        here, there = [*key["constrained_columns"], "force"], [*key["referred_columns"], "force"]
        on_delete = key["options"].get("ondelete")
        op.create_foreign_key(key["name"], name, key["referred_table"], here, there, ondelete=on_delete)


def _is_shared() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _column() -> sa.Column[str]:
    return sa.Column("force", sa.Text(), nullable=False, server_default=text(f"COALESCE({_SET}, '{ALONE}')"))


def _with_force(constraint: sa.Constraint) -> sa.Constraint:
    """The same, of a force's rows."""
    if isinstance(constraint, sa.ForeignKeyConstraint):
        there = [element.target_fullname for element in constraint.elements]
        table = there[0].rpartition(".")[0]
        here = [*constraint.column_keys, "force"]
        return sa.ForeignKeyConstraint(here, [*there, f"{table}.force"], ondelete=constraint.ondelete)
    if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint):
        return type(constraint)(*constraint.columns.keys(), "force")
    return constraint


def _protect(name: str) -> None:
    op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {_POLICY} ON {name} USING (force = {_SET}) WITH CHECK (force = {_SET})")


# -- when a portal opens the database ----------------------------------------------------------------------------


def bind(connection: Connection, force: str | None) -> None:
    """From now on nobody but a superuser sees more than one force's rows; ``force``: as who the portal opens it, None
    for the one force of a portal alone. SettingsInvalid when row security does not bind the portal's user."""
    if connection.scalar(text(_ABOVE)):
        if force is not None or connection.scalar(text(_OTHERS), {"force": ALONE}):
            raise SettingsInvalid(
                "Several forces share this database, and row security does not bind the portal's user there.",
                meaning="Nothing would keep one force's officers from another's rows.",
                do="Let the portal connect as a user of its own that owns the database and is neither SUPERUSER nor "
                "BYPASSRLS: see 'Several forces' in docs/portal-guide.md.",
            )
        return
    if force is None and not connection.scalar(text(_BOUND)):
        return
    for name in connection.scalars(text(_UNBOUND)).all():
        connection.execute(text(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"))
