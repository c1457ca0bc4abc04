"""What the application's role may do: everything with rows, nothing with tables, nothing with the ledger."""

from django.conf import settings
from django.db import connection, migrations

role = connection.ops.quote_name(settings.APP_ROLE)


class Migration(migrations.Migration):
    dependencies = [
        ("professionals", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("authtoken", "0004_alter_tokenproxy_options"),
    ]
    operations = [
        migrations.RunSQL(
            sql=[
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
                f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role}",
                f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
                "ALTER DEFAULT PRIVILEGES IN SCHEMA public "
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
                f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {role}",
            ],
            reverse_sql=[
                f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON SEQUENCES FROM {role}",
                f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM {role}",
                f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role}",
                f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
            ],
        ),
    ]
