"""Who gives appointments."""

from django.db import models


class Professional(models.Model):
    """A health professional. All that are in the seed are made up."""

    social_name = models.CharField(max_length=120)
    profession = models.CharField(max_length=60)
    registration = models.CharField(max_length=30, unique=True)
    phone = models.CharField(max_length=24)
    address = models.CharField(max_length=200)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.social_name
