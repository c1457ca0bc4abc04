from django.db import migrations, models


class Migration(migrations.Migration):
    # The rows that are tidied next belong to those who have appointments.
    dependencies = [("professionals", "0002_application_role"), ("appointments", "0001_initial")]
    operations = [
        migrations.AddField("professional", "active", models.BooleanField(default=True)),
    ]
