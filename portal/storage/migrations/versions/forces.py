"""Several forces in one database: on PostgreSQL every row belongs to one. A file stays as it is."""

from collections.abc import Sequence

from alembic import op

from portal.storage.separation import separate

revision: str = "0013"
down_revision: str | Sequence[str] | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
MUST_KNOW: str = "0012"
TABLES = (
    "devices", "shut_out", "cameras", "day_hours", "officers", "requests", "inbox", "deliveries", "feedback", "uploads",
    "offers", "checkpoints", "searches", "tokens", "team_cases", "team_versions", "team_members", "team_requests",
    "use_lines", "use_nodes", "use_heads", "month_counts", "people", "people_cameras", "people_links",
    "people_messages", "people_requests", "people_files",
)  # fmt: skip


def upgrade() -> None:
    separate(TABLES)
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("use_lines_of_force", "use_lines", ["force", "seq"])
        op.create_index("cameras_of_force", "cameras", ["force"])


def downgrade() -> None:
    raise NotImplementedError("rows of several forces are not mixed again")
