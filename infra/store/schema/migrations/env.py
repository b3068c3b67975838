"""Alembic's entry point: migrations run on psycopg2 against the address that `Database.migrate` was given."""

from alembic import context
from sqlalchemy import create_engine, pool, text

from infra.store.database import VERSION_TABLE

url = context.config.attributes["url"].replace("postgresql://", "postgresql+psycopg2://", 1)
engine = create_engine(url, poolclass=pool.NullPool)
with engine.connect() as connection:
    # two workers may start at once: the second waits here and then finds nothing to do
    connection.execute(text("SELECT pg_advisory_lock(7254001)"))
    context.configure(connection=connection, version_table=VERSION_TABLE, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
    connection.execute(text("SELECT pg_advisory_unlock(7254001)"))
