"""How much all uploads take, kept beside them by the database itself: also when an older portal writes.

A later step that makes ``uploads`` anew on SQLite makes its triggers anew too.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from portal.storage.separation import create_table

revision: str = "0024"
down_revision: str | Sequence[str] | None = "0023"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
MUST_KNOW: str = "0012"

_CHANGED = "OLD.gone <> NEW.gone OR OLD.size <> NEW.size"
_ON_A_FILE = {
    "uploads_came": ("INSERT ON uploads WHEN NOT NEW.gone", "(NEW.size)"),
    "uploads_changed": (
        f"UPDATE OF gone, size ON uploads WHEN {_CHANGED}",
        "(CASE WHEN NEW.gone THEN 0 ELSE NEW.size END - CASE WHEN OLD.gone THEN 0 ELSE OLD.size END)",
    ),
    "uploads_went": ("DELETE ON uploads WHEN NOT OLD.gone", "(-OLD.size)"),
}
_FUNCTION = """
CREATE FUNCTION public.uploads_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND NOT OLD.gone THEN
        INSERT INTO public.uploads_taken (force, bytes) VALUES (OLD.force, -OLD.size);
    END IF;
    IF TG_OP <> 'DELETE' AND NOT NEW.gone THEN
        INSERT INTO public.uploads_taken (force, bytes) VALUES (NEW.force, NEW.size);
    END IF;
    RETURN NULL;
END $$
"""
_CAME_OR_WENT = (
    "CREATE TRIGGER uploads_came AFTER INSERT OR DELETE ON uploads FOR EACH ROW EXECUTE FUNCTION uploads_counted()"
)
_WAS_CHANGED = (
    f"CREATE TRIGGER uploads_changed AFTER UPDATE OF gone, size ON uploads FOR EACH ROW WHEN ({_CHANGED}) "
    "EXECUTE FUNCTION uploads_counted()"
)
_BOUND = "SELECT relforcerowsecurity FROM pg_class WHERE oid = 'public.uploads'::regclass"


def upgrade() -> None:
    create_table(
        "uploads_taken",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    if op.get_bind().dialect.name == "postgresql":
        _upgrade_server()
        return
    op.execute("INSERT INTO uploads_taken (bytes) SELECT SUM(size) FROM uploads WHERE NOT gone HAVING COUNT(*) > 0")
    for name, (when, entry) in _ON_A_FILE.items():
        values = f"INSERT INTO uploads_taken (bytes) VALUES {entry}"  # noqa: S608  words of this step
        op.execute(f"CREATE TRIGGER {name} AFTER {when} BEGIN {values}; END")


def _upgrade_server() -> None:
    """Nobody writes meanwhile; the owner of the table sees the rows of all forces."""
    bound = op.get_bind().scalar(sa.text(_BOUND))
    op.execute("LOCK TABLE uploads IN ACCESS EXCLUSIVE MODE")
    if bound:
        op.execute("ALTER TABLE uploads NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "INSERT INTO uploads_taken (force, bytes) SELECT force, SUM(size) FROM uploads WHERE NOT gone GROUP BY force"
    )
    if bound:
        op.execute("ALTER TABLE uploads FORCE ROW LEVEL SECURITY")
    for statement in (_FUNCTION, _CAME_OR_WENT, _WAS_CHANGED):
        op.execute(statement)


def downgrade() -> None:
    shared = op.get_bind().dialect.name == "postgresql"
    for name in ("uploads_came", "uploads_changed") if shared else _ON_A_FILE:
        op.execute(f"DROP TRIGGER {name}" + (" ON uploads" if shared else ""))
    if shared:
        op.execute("DROP FUNCTION uploads_counted()")
    op.drop_table("uploads_taken")
