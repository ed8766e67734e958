"""Cases that belong to a team."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | Sequence[str] | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "team_cases",
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("crime_reference", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("wrapped", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_index("team_cases_by_crime", "team_cases", ["crime_reference"], unique=False)
    op.create_table(
        "team_versions",
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("issued", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["team_cases.case_id"]),
        sa.PrimaryKeyConstraint("case_id", "version"),
    )
    op.create_table(
        "team_members",
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("officer", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["team_cases.case_id"]),
        sa.PrimaryKeyConstraint("case_id", "officer"),
    )
    op.create_index("team_members_by_officer", "team_members", ["officer"], unique=False)
    op.create_table(
        "team_requests",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["team_cases.case_id"]),
        sa.ForeignKeyConstraint(["request_id"], ["requests.request_id"]),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("team_requests_by_case", "team_requests", ["case_id"], unique=False)


def downgrade() -> None:
    for table in ("team_requests", "team_members", "team_versions", "team_cases"):
        op.drop_table(table)
