"""People without an agent."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | Sequence[str] | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("person_kind", sa.String(), nullable=False),
        sa.Column("person_name", sa.String(), nullable=True),
        sa.Column("registered", sa.BigInteger(), nullable=False),
        sa.Column("confirmed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("person_id"),
        sa.UniqueConstraint("address"),
    )
    op.create_table(
        "people_cameras",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("doorbell", sa.Boolean(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=False),
        sa.Column("longitude", sa.Float(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("direction", sa.Float(), nullable=True),
        sa.Column("retention_days", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", "camera_id"),
    )
    op.create_index("people_cameras_by_place", "people_cameras", ["latitude", "longitude"], unique=False)
    op.create_table(
        "people_links",
        sa.Column("code_sha256", sa.String(), nullable=False),
        sa.Column("link_for", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("code_sha256"),
    )
    op.create_index("people_links_by_person", "people_links", ["person_id"], unique=False)
    op.create_index("people_links_by_request", "people_links", ["request_id"], unique=False)
    op.create_table(
        "people_messages",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("link_for", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("queued", sa.BigInteger(), nullable=False),
        sa.Column("next_try", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_index("people_messages_due", "people_messages", ["next_try"], unique=False)
    op.create_index("people_messages_by_person", "people_messages", ["person_id", "queued"], unique=False)
    op.create_table(
        "people_requests",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("crime_reference", sa.String(), nullable=False),
        sa.Column("issued", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("message_state", sa.String(), nullable=False),
        sa.Column("message_trouble", sa.String(), nullable=True),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("answered", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["officer"], ["officers.fingerprint"]),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("people_requests_by_officer", "people_requests", ["officer", "received"], unique=False)
    op.create_table(
        "people_files",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("file_id", sa.String(), nullable=False),
        sa.Column("upload", sa.String(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("sealed_name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["people_requests.request_id"]),
        sa.PrimaryKeyConstraint("request_id", "file_id"),
    )


def downgrade() -> None:
    for table in (
        "people_files",
        "people_requests",
        "people_messages",
        "people_links",
        "people_cameras",
        "people",
    ):
        op.drop_table(table)
