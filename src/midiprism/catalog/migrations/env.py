"""The script that Alembic runs: the migrations on the connection that it was given."""

from alembic import context

from midiprism.catalog.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
