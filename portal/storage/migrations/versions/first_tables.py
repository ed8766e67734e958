"""The first tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "devices",
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("enrolled", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("cameras_recording", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("registration_document", sa.Text(), nullable=True),
        sa.Column("registration_signature", sa.Text(), nullable=True),
        sa.Column("last_cursor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint"),
    )
    op.create_table(
        "officers",
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("credential_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("rank", sa.String(), nullable=False),
        sa.Column("collar_number", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("fingerprint"),
        sa.UniqueConstraint("credential_id"),
    )
    op.create_table(
        "tokens",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti"),
    )
    op.create_index("tokens_by_expiry", "tokens", ["expires"], unique=False)
    op.create_table(
        "uploads",
        sa.Column("upload_id", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("tus_metadata", sa.String(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("upload_id"),
    )
    op.create_index("uploads_by_device", "uploads", ["device"], unique=False)
    op.create_index("uploads_by_expiry", "uploads", ["expires"], unique=False)
    op.create_table(
        "cameras",
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("owner_kind", sa.String(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=False),
        sa.Column("longitude", sa.Float(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("direction", sa.Float(), nullable=True),
        sa.Column("field_of_view", sa.Float(), nullable=True),
        sa.Column("range_m", sa.Float(), nullable=True),
        sa.Column("sound", sa.Boolean(), nullable=False),
        sa.Column("retention_days", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.fingerprint"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("device", "camera_id"),
    )
    op.create_index("cameras_by_place", "cameras", ["latitude", "longitude"], unique=False)
    op.create_table(
        "checkpoints",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("cut_back", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.fingerprint"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("checkpoints_by_device", "checkpoints", ["device", "number"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.fingerprint"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("device", "cursor"),
    )
    op.create_index("inbox_by_request", "inbox", ["request_id"], unique=False)
    op.create_table(
        "requests",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("device_key", sa.String(), nullable=False),
        sa.Column("crime_reference", sa.String(), nullable=False),
        sa.Column("issued", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("decision_document", sa.Text(), nullable=True),
        sa.Column("decision_signature", sa.Text(), nullable=True),
        sa.Column("refusal_document", sa.Text(), nullable=True),
        sa.Column("refusal_signature", sa.Text(), nullable=True),
        sa.Column("answered", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["officer"],
            ["officers.fingerprint"],
        ),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("requests_by_device", "requests", ["device"], unique=False)
    op.create_index("requests_by_officer", "requests", ["officer", "received"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("evidence_id", sa.String(), nullable=False),
        sa.Column("upload", sa.String(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("fetched", sa.BigInteger(), nullable=True),
        sa.Column("receipt_document", sa.Text(), nullable=True),
        sa.Column("receipt_signature", sa.Text(), nullable=True),
        sa.Column("receipted", sa.BigInteger(), nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["requests.request_id"],
        ),
        sa.PrimaryKeyConstraint("delivery_id"),
        sa.UniqueConstraint("request_id", "evidence_id"),
    )
    op.create_index("deliveries_by_upload", "deliveries", ["upload"], unique=False)
