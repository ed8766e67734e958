"""Alembic's entry: runs the steps on the connection that ``portal.storage.database.upgrade`` hands over."""

from alembic import context

from portal.storage.models import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transactional_ddl=False,  # the caller's BEGIN IMMEDIATE holds all steps together
    render_as_batch=True,
)
context.run_migrations()
