"""Patients, their appointments, and what reminds them of these."""

from django.db import models
from django.db.models import F, Q

from professionals.models import Professional


class Patient(models.Model):
    """A made-up person: see documents.py."""

    name = models.CharField(max_length=120)
    document = models.CharField(max_length=14, unique=True)
    email = models.EmailField()

    def __str__(self) -> str:
        return f"patient {self.pk}"


class Appointment(models.Model):
    """Some minutes of a professional's time for a patient."""

    class Status(models.TextChoices):
        SCHEDULED = "scheduled"
        HELD = "held"
        CANCELLED = "cancelled"

    professional = models.ForeignKey(Professional, on_delete=models.PROTECT)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT)
    starts_at = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField(default=30)
    status = models.CharField(max_length=16, choices=Status, default=Status.SCHEDULED)
    reference = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = (models.Index(F("status"), F("starts_at"), name="appointment_status_start"),)
        constraints = (
            models.CheckConstraint(condition=Q(minutes__gte=5, minutes__lte=240), name="appointment_minutes"),
            models.UniqueConstraint(
                fields=("professional", "starts_at"),
                condition=~Q(status="cancelled"),
                name="appointment_no_double_booking",
            ),
        )

    def __str__(self) -> str:
        return f"appointment {self.pk}"


class Reminder(models.Model):
    """When a patient is to be reminded."""

    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE)
    send_at = models.DateTimeField()
    sent = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"reminder {self.pk}"
