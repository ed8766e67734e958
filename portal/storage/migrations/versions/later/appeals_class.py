"""Appeals have a class of retention."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0022"
down_revision: str | Sequence[str] | None = "0021"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("appeals", sa.Column("retention_class", sa.String(), nullable=True))
    op.create_index("appeals_by_class", "appeals", ["retention_class", "expires"], unique=False)


def downgrade() -> None:
    op.drop_index("appeals_by_class", table_name="appeals")
    op.drop_column("appeals", "retention_class")
