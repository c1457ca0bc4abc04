"""Built without locking writers out, which no transaction can do."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("appointments", "0001_initial"),
        ("professionals", "0004_tidy_registrations"),
    ]
    operations = [
        AddIndexConcurrently(
            "appointment",
            models.Index(models.F("status"), models.F("starts_at"), name="appointment_status_start"),
        ),
    ]
