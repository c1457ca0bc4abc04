"""Registrations in capitals without blanks. How each was written before is not kept: there is no way back."""

from django.db import migrations
from django.db.models import F, Value
from django.db.models.functions import Replace, Upper


def tidy(apps, schema_editor):
    professionals = apps.get_model("professionals", "Professional").objects.all()
    professionals.update(registration=Upper(Replace(F("registration"), Value(" "), Value(""))))


class Migration(migrations.Migration):
    dependencies = [("professionals", "0003_professional_active")]
    operations = [migrations.RunPython(tidy)]
