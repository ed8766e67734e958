"""The uploads that are on their way are found without a look at those that came."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0023"
down_revision: str | Sequence[str] | None = "0022"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(
        "uploads_on_their_way",
        "uploads",
        ["size"],
        unique=False,
        sqlite_where=sa.text("gone = 0 AND sha256 IS NULL"),
        postgresql_where=sa.text("NOT gone AND sha256 IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("uploads_on_their_way", table_name="uploads")
