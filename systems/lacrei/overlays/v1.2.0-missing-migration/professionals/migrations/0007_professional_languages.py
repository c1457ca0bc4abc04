from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("professionals", "0006_remove_legacy_code")]
    operations = [
        migrations.AddField("professional", "languages", models.CharField(max_length=80, default="pt")),
    ]
