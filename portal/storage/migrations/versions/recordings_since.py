"""How far back each camera's recordings reach now."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | Sequence[str] | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("cameras", sa.Column("recordings_since", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("cameras", "recordings_since")
