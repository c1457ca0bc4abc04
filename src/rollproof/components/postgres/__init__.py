"""The `database` component: a Postgres database, its history, its backups and its grants."""
