"""What people are asked belongs to a team's case; what they are told of it; public appeals."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from portal.storage.separation import create_table

revision: str = "0014"
down_revision: str | Sequence[str] | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
MUST_KNOW: str = "0012"


def upgrade() -> None:
    op.add_column("people_requests", sa.Column("case_id", sa.String(), nullable=True))
    op.add_column("people_requests", sa.Column("thanked", sa.BigInteger(), nullable=True))
    op.create_index("people_requests_by_case", "people_requests", ["case_id"], unique=False)
    op.add_column("people_messages", sa.Column("result", sa.String(), nullable=True))
    create_table(
        "appeals",
        sa.Column("appeal_id", sa.String(), nullable=False),
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=True),
        sa.Column("crime_reference", sa.String(), nullable=False),
        sa.Column("issued", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("closed", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["officer"], ["officers.fingerprint"]),
        sa.ForeignKeyConstraint(["case_id"], ["team_cases.case_id"]),
        sa.PrimaryKeyConstraint("appeal_id"),
    )
    op.create_index("appeals_by_officer", "appeals", ["officer", "issued"], unique=False)
    op.create_index("appeals_by_case", "appeals", ["case_id"], unique=False)
    create_table(
        "contributions",
        sa.Column("contribution_id", sa.String(), nullable=False),
        sa.Column("appeal_id", sa.String(), nullable=False),
        sa.Column("code_sha256", sa.String(), nullable=True),
        sa.Column("begun", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=True),
        sa.Column("sealed_note", sa.Text(), nullable=True),
        sa.Column("mark", sa.String(), nullable=True),
        sa.Column("marked", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeals.appeal_id"]),
        sa.PrimaryKeyConstraint("contribution_id"),
        sa.UniqueConstraint("code_sha256"),
    )
    op.create_index("contributions_by_appeal", "contributions", ["appeal_id", "sent"], unique=False)
    op.create_index("contributions_by_begin", "contributions", ["appeal_id", "begun"], unique=False)
    create_table(
        "contribution_files",
        sa.Column("contribution_id", sa.String(), nullable=False),
        sa.Column("file_id", sa.String(), nullable=False),
        sa.Column("upload", sa.String(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("sealed_name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["contribution_id"], ["contributions.contribution_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("contribution_id", "file_id"),
    )


def downgrade() -> None:
    for table in ("contribution_files", "contributions", "appeals"):
        op.drop_table(table)
    op.drop_column("people_messages", "result")
    op.drop_index("people_requests_by_case", "people_requests")
    op.drop_column("people_requests", "thanked")
    op.drop_column("people_requests", "case_id")
