"""Which step of the schema a portal must know; on PostgreSQL, cameras' places on the globe, indexed by distance."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | Sequence[str] | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "schema_mark", sa.Column("must_know", sa.String(), nullable=False), sa.PrimaryKeyConstraint("must_know")
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "ALTER TABLE cameras ADD COLUMN place geography(Point, 4326) "
            "GENERATED ALWAYS AS (ST_SetSRID(ST_MakePoint(longitude, latitude), 4326)::geography) STORED"
        )
        op.execute("CREATE INDEX cameras_on_the_globe ON cameras USING gist (place)")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_column("cameras", "place")
    op.drop_table("schema_mark")
