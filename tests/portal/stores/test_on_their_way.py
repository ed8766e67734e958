"""What is promised to uploads on their way is known without a look at those that came."""

import pytest
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from portal.problems import ProblemError
from portal.settings import Limits
from portal.storage.database import Database
from portal.storage.models import StoredUpload
from portal.uploads.room import PROMISED, check


def fill(session: Session) -> None:
    """Of three thousand uploads two are on their way, one of ten is gone."""
    rows = [
        {
            "upload_id": f"u{number:04}", "device": "d", "size": 1000, "created": 1, "expires": 2,
            "sha256": None if number in (5, 7, 10) else "0" * 64, "delivered": False, "gone": number % 10 == 0,
        }
        for number in range(3000)
    ]  # fmt: skip
    session.execute(insert(StoredUpload), rows)


def test_only_those_on_their_way_are_looked_at(db: Database) -> None:
    db.write_now(fill)
    if db.shared:
        db.write_now(lambda session: session.execute(text("ANALYZE uploads")) and None)

    def plan(session: Session) -> str:
        explain = "EXPLAIN QUERY PLAN" if session.get_bind().dialect.name == "sqlite" else "EXPLAIN"
        compiled = PROMISED.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        return " ".join(str(row) for row in session.execute(text(f"{explain} {compiled}")))

    assert "uploads_on_their_way" in db.read_now(plan)
    assert db.read_now(lambda session: session.scalar(PROMISED)) == 2000


def test_what_is_promised_is_not_given_twice(db: Database) -> None:
    db.write_now(fill)
    limits = Limits(free_bytes=500)
    db.read_now(lambda session: check(session, 1000, limits, free=3500))
    with pytest.raises(ProblemError):
        db.read_now(lambda session: check(session, 1001, limits, free=3500))
