"""What officers did and is not in the log of use yet."""

from collections.abc import Sequence

import sqlalchemy as sa

from portal.storage.separation import create_table

revision: str = "0016"
down_revision: str | Sequence[str] | None = "0015"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
MUST_KNOW: str = "0012"


def upgrade() -> None:
    create_table(
        "use_waiting",
        sa.Column("use_id", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("unplaced_line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("use_id"),
    )


def downgrade() -> None:
    raise NotImplementedError("what waits for its place in the log of use is not thrown away")
