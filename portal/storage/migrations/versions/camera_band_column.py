"""On PostgreSQL, a camera's band of latitude as a column: row security lets an index on what is computed be of no use.

What is computed could fail, and so tell of a row before its policy was asked. A file keeps its index as it is.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0018"
down_revision: str | Sequence[str] | None = "0017"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
MUST_KNOW: str = "0012"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(
        "ALTER TABLE cameras ADD COLUMN band integer "
        "GENERATED ALWAYS AS (CAST(floor((latitude + 90) * 100) AS integer)) STORED"
    )
    op.drop_index("cameras_by_band", "cameras")
    op.create_index("cameras_by_band", "cameras", ["band", "longitude", "latitude"])


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.drop_index("cameras_by_band", "cameras")
    op.drop_column("cameras", "band")
    op.execute(
        "CREATE INDEX cameras_by_band ON cameras (CAST(floor((latitude + 90) * 100) AS integer), longitude, latitude)"
    )
