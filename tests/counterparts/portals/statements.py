"""Portals that one process opens one after the other: each finds the statements that those before it compiled.

SQLAlchemy compiles a statement once for each engine, and every portal has engines of its own: that took a fifth of what
tests of the portal took. An engine that is closed leaves what it compiled, with the dialect for which it did, to the
next one of its kind; no two that are open share anything. Not for: databases, of which each test has its own.
"""

from collections import defaultdict
from typing import Any

from sqlalchemy import Dialect, Engine, create_engine, event

from portal.storage import postgres, sqlite
from portal.storage.personal import sealing

_left: defaultdict[str, list[tuple[Dialect, dict[Any, Any]]]] = defaultdict(list)


def keep_statements() -> None:
    """From now on, for all portals in this process."""
    module: Any
    for module in (sqlite, postgres):
        module.create_engine = _engine_with_statements


def _engine_with_statements(url: str, **how: Any) -> Engine:
    kind = url.partition(":")[0]
    dialect, compiled = _left[kind].pop() if _left[kind] else (None, {})
    engine = create_engine(url, execution_options={"compiled_cache": compiled}, **how)
    if dialect is not None:
        vars(dialect).pop(sealing._KEYS, None)
        engine.dialect = dialect

    @event.listens_for(engine, "engine_disposed", once=True)
    def leave(_: Engine) -> None:
        if compiled:  # so a connection was made, and the dialect knows what it speaks to
            _left[kind].append((engine.dialect, compiled))

    return engine
