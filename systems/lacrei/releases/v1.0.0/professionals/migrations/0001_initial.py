from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Professional",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("social_name", models.CharField(max_length=120)),
                ("profession", models.CharField(max_length=60)),
                ("registration", models.CharField(max_length=30, unique=True)),
                ("phone", models.CharField(max_length=24)),
                ("address", models.CharField(max_length=200)),
                ("legacy_code", models.CharField(db_default="", default="", max_length=16)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
    ]
