"""Cameras by bands of latitude, each sorted by longitude: what lies around a place is found in a few of them."""

from collections.abc import Sequence

from alembic import op

revision: str = "0015"
down_revision: str | Sequence[str] | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
MUST_KNOW: str = "0012"

_BAND = {
    "sqlite": "CAST((latitude + 90) * 100 AS INTEGER)",
    "postgresql": "CAST(floor((latitude + 90) * 100) AS integer)",
}


def upgrade() -> None:
    band = _BAND[op.get_bind().dialect.name]
    op.execute(f"CREATE INDEX cameras_by_band ON cameras (({band}), longitude, latitude)")
    op.drop_index("cameras_by_place", "cameras")


def downgrade() -> None:
    op.create_index("cameras_by_place", "cameras", ["latitude", "longitude"], unique=False)
    op.drop_index("cameras_by_band", "cameras")
