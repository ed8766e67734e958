"""What officers asked supervisors for, and the packages that they fetched within the hour."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from portal.storage.separation import create_table

revision: str = "0019"
down_revision: str | Sequence[str] | None = "0018"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
MUST_KNOW: str = "0013"


def upgrade() -> None:
    create_table(
        "asked_words",
        sa.Column("asked_id", sa.String(), nullable=False),
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("word_document", sa.Text(), nullable=True),
        sa.Column("word_signature", sa.Text(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.Column("refused_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("asked_id"),
    )
    op.create_index("asked_words_by_officer", "asked_words", ["officer", "received"])
    op.create_index("asked_words_by_unit", "asked_words", ["unit"])
    create_table(
        "fetches",
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("officer", "delivery_id"),
    )
    op.create_index("fetches_by_officer", "fetches", ["officer", "made"])


def downgrade() -> None:
    op.drop_table("fetches")
    op.drop_table("asked_words")
