"""Alembic's entry: run migrations on the connection that the backend hands over."""

from alembic import context

from harmonia_sql.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
