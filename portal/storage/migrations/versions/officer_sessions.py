"""Sessions of officers who logged in with their force's account."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from portal.storage.separation import create_table

revision: str = "0017"
down_revision: str | Sequence[str] | None = "0016"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
MUST_KNOW: str = "0012"


def upgrade() -> None:
    create_table(
        "officer_sessions",
        sa.Column("session_sha256", sa.String(), nullable=False),
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["officer"], ["officers.fingerprint"]),
        sa.PrimaryKeyConstraint("session_sha256"),
    )
    op.create_index("officer_sessions_by_expiry", "officer_sessions", ["expires"], unique=False)


def downgrade() -> None:
    op.drop_table("officer_sessions")
