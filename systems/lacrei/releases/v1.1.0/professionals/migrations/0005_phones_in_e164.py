"""Telephone numbers from the national form to E.164; each form tells the other."""

from django.db import migrations

from professionals.phones import to_e164, to_national


def _rewrite(apps, change):
    model = apps.get_model("professionals", "Professional")
    changed = []
    for professional in model.objects.only("phone").iterator():
        phone = change(professional.phone)
        if phone != professional.phone:
            professional.phone = phone
            changed.append(professional)
    model.objects.bulk_update(changed, ["phone"], batch_size=500)


def forwards(apps, schema_editor):
    _rewrite(apps, to_e164)


def backwards(apps, schema_editor):
    _rewrite(apps, to_national)


class Migration(migrations.Migration):
    dependencies = [
        ("professionals", "0004_tidy_registrations"),
        ("appointments", "0003_sound_appointments"),
    ]
    operations = [migrations.RunPython(forwards, backwards)]
