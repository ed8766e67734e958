"""Legal holds, classes of retention, what was deleted; and keys of what is personal."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from portal.storage.separation import create_table

revision: str = "0020"
down_revision: str | Sequence[str] | None = "0019"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    create_table(
        "legal_holds",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("hold_id", sa.String(), nullable=False),
        sa.Column("crime_reference", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("lifted", sa.BigInteger(), nullable=True),
        sa.Column("lifted_document", sa.Text(), nullable=True),
        sa.Column("lifted_signature", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("hold_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("legal_holds_by_crime", "legal_holds", ["crime_reference", "lifted"], unique=False)
    create_table(
        "removals",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("removed", sa.BigInteger(), nullable=False),
        sa.Column("retention_class", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("pieces", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    create_table("erasures", sa.Column("key_id", sa.String(), nullable=False), sa.PrimaryKeyConstraint("key_id"))
    op.add_column("devices", sa.Column("key_id", sa.String(), nullable=True))
    op.add_column("people", sa.Column("key_id", sa.String(), nullable=True))
    op.add_column("people", sa.Column("by_text", sa.Boolean(), nullable=True))
    op.add_column("people", sa.Column("entry", sa.Text(), nullable=True))
    op.add_column("people", sa.Column("address_mark", sa.String(), nullable=True))
    op.create_index("people_by_mark", "people", ["address_mark"], unique=False)
    for table in ("requests", "people_requests"):
        op.add_column(table, sa.Column("retention_class", sa.String(), nullable=True))
        op.create_index(f"{table}_by_class", table, ["retention_class", "received"], unique=False)
        op.create_index(f"{table}_by_crime", table, ["crime_reference"], unique=False)


def downgrade() -> None:
    for table in ("requests", "people_requests"):
        op.drop_index(f"{table}_by_class", table_name=table)
        op.drop_index(f"{table}_by_crime", table_name=table)
        op.drop_column(table, "retention_class")
    op.drop_index("people_by_mark", table_name="people")
    for column in ("address_mark", "entry", "by_text", "key_id"):
        op.drop_column("people", column)
    op.drop_column("devices", "key_id")
    op.drop_table("erasures")
    op.drop_table("removals")
    op.drop_table("legal_holds")
