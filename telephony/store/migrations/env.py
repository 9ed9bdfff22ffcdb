"""Alembic's entry: runs the revisions on the connection (and in the transaction) of the caller."""

from alembic import context

from telephony.store.tables import whole_metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=whole_metadata(),
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
context.run_migrations()
