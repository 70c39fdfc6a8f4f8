"""Alembic's environment: our engine and tables, given by `app.migrate`."""

from alembic import context

options = context.config.attributes

with options["engine"].execution_options(writes=True).connect() as connection:
    context.configure(connection=connection, target_metadata=options["metadata"], render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
