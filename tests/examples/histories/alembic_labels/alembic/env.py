from alembic import context
from app.config import settings
from sqlalchemy import create_engine, text

config = context.config
config.set_main_option("sqlalchemy.url", settings.database_url.replace("%", "%%"))
engine = create_engine(config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {settings.schema}"))
    connection.execute(text(f"SET search_path TO {settings.schema}, public"))
    connection.commit()
    connection.dialect.default_schema_name = settings.schema
    context.configure(
        connection=connection,
        include_schemas=True,
        version_table_schema=settings.schema,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
