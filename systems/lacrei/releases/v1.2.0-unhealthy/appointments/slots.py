"""Finding a time for an appointment."""

from datetime import datetime, timedelta

from django.db.models import Max
from django.utils import timezone

from appointments.models import Appointment
from professionals.models import Professional

SLOT = timedelta(minutes=30)


def next_free(professional: int) -> datetime:
    """Half an hour after the professional's last appointment began; in a transaction.

    Two who ask at the same time come one after the other, because each locks the professional.
    """
    Professional.objects.select_for_update().only("pk").get(pk=professional)
    last = Appointment.objects.filter(professional=professional).aggregate(last=Max("starts_at"))["last"]
    return max(last or timezone.now(), timezone.now()) + SLOT
