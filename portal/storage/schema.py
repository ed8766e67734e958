"""Which schema a database has, and how it becomes this portal's: Alembic's steps, run by whoever opens it first.

A step may say ``MUST_KNOW``: the earliest step whose portal still works on what this one leaves. One that *expands*
(new tables; new columns that may be empty or fill themselves) names a step before it. One that *contracts* (takes away
what no portal uses any more) names the step with which its use ended. One that says nothing must itself be known.
The database keeps the latest of these, so replicas are upgraded one after the other, and an older one that starts again
meanwhile is let in if it may. Not for: the steps (``portal.storage.migrations``).
"""

from functools import cache
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select

from exchange.errors import StoreDamaged
from portal.storage.models import SchemaMark


def bring_up(connection: Connection, name: str) -> tuple[str | None, str]:
    """In the connection's transaction, which nobody else's runs beside: (the version it had, the one it has).

    StoreDamaged when it is of a portal so new that this one can't work on it. ``name`` says which database it is.
    """
    scripts = _scripts()
    head = scripts.get_current_head()
    assert head is not None
    before = MigrationContext.configure(connection).get_current_revision()
    steps = [script.revision for script in scripts.walk_revisions()]
    if before is not None and before not in steps:
        _check_works(connection, steps, before, name)
        return before, before
    if before != head:
        command.upgrade(configuration(connection), "head")
        _mark(connection, scripts)
    return before, head


def configuration(connection: Connection) -> Config:
    """Alembic's, for steps that run on this connection."""
    config = _config()
    config.attributes["connection"] = connection
    return config


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("portal.storage") / "migrations"))
    config.set_main_option("recursive_version_locations", "true")
    return config


@cache
def _scripts() -> ScriptDirectory:
    """Read once, however many databases a process opens."""
    return ScriptDirectory.from_config(_config())


def must_know(scripts: ScriptDirectory) -> str:
    """The latest step that any step, up to the newest, wants a portal to know."""
    steps = list(scripts.walk_revisions())[::-1]
    order = {script.revision: number for number, script in enumerate(steps)}
    return max((getattr(script.module, "MUST_KNOW", script.revision) for script in steps), key=order.__getitem__)


def _mark(connection: Connection, scripts: ScriptDirectory) -> None:
    connection.execute(SchemaMark.__table__.delete())  # type: ignore[attr-defined]
    connection.execute(SchemaMark.__table__.insert().values(must_know=must_know(scripts)))  # type: ignore[attr-defined]


def _check_works(connection: Connection, steps: list[str], version: str, name: str) -> None:
    known = inspect(connection).has_table(SchemaMark.__tablename__)
    if known and connection.scalar(select(SchemaMark.must_know)) in steps:
        return
    raise StoreDamaged(
        f"The portal's database {name} has schema {version}, which this portal can't work on.",
        meaning="A newer portal has run on it.",
        do="Install that version, or restore the backup from before it.",
    )
