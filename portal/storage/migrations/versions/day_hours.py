"""Of which hours each camera has recordings, where its owner lets officers know."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | Sequence[str] | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "day_hours",
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hours", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.fingerprint"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("device", "camera_id", "day"),
    )


def downgrade() -> None:
    op.drop_table("day_hours")
