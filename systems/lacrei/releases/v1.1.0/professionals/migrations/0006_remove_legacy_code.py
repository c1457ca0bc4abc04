from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("professionals", "0005_phones_in_e164")]
    operations = [migrations.RemoveField("professional", "legacy_code")]
