from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("appointments", "0002_status_index")]
    operations = [
        migrations.AddConstraint(
            "appointment",
            models.CheckConstraint(
                condition=models.Q(minutes__gte=5, minutes__lte=240), name="appointment_minutes"
            ),
        ),
        migrations.AddConstraint(
            "appointment",
            models.UniqueConstraint(
                condition=~models.Q(status="cancelled"),
                fields=("professional", "starts_at"),
                name="appointment_no_double_booking",
            ),
        ),
    ]
