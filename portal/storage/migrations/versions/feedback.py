"""What is said of a package after its receipt; and a package that can't be played may be delivered again."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | Sequence[str] | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NAMES = {"uq": "uq_%(table_name)s_%(column_0_name)s"}
"""What SQLite's unnamed constraint is to be called, so that it can be dropped."""


def _unique_name() -> str:
    """What the first tables' constraint is called: PostgreSQL names by itself what was given no name."""
    is_file = op.get_bind().dialect.name == "sqlite"
    return "uq_deliveries_request_id" if is_file else "deliveries_request_id_evidence_id_key"


def upgrade() -> None:
    op.create_table(
        "feedback",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("feedback_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("evidence_id", sa.String(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("answered_by", sa.String(), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["requests.request_id"]),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("feedback_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("feedback_by_request", "feedback", ["request_id", "kind"], unique=False)
    op.create_index("feedback_by_time", "feedback", ["received"], unique=False)
    with op.batch_alter_table("deliveries", naming_convention=_NAMES) as batch:
        batch.drop_constraint(_unique_name(), type_="unique")
        batch.create_index("deliveries_by_request", ["request_id", "evidence_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("deliveries") as batch:
        batch.drop_index("deliveries_by_request")
        batch.create_unique_constraint("one_delivery_a_package", ["request_id", "evidence_id"])
    op.drop_table("feedback")
