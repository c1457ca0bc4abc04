from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from appointments.models import Appointment, Patient, Reminder
from appointments.serializers import AppointmentSerializer, PatientSerializer, ReminderSerializer
from appointments.slots import next_free
from lacrei.flags import Flagged


class Taken(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "that time, or that reference, is taken"


class Patients(ModelViewSet[Patient]):
    queryset = Patient.objects.all()
    serializer_class = PatientSerializer


class Appointments(ModelViewSet[Appointment]):
    """All of them, or those of `?professional=ID`. Without `starts_at` the next free time is booked."""

    queryset = Appointment.objects.all()
    serializer_class = AppointmentSerializer

    def get_queryset(self) -> QuerySet[Appointment]:
        found = super().get_queryset()
        professional = self.request.query_params.get("professional", "")
        return found.filter(professional=int(professional)) if professional.isdecimal() else found

    def perform_create(self, serializer: BaseSerializer[Appointment]) -> None:
        given = serializer.validated_data
        try:
            with transaction.atomic():
                starts_at = given["start"] or next_free(given["professional"].pk)
                serializer.save(starts_at=starts_at)
        except IntegrityError as error:
            raise Taken from error


class Reminders(Flagged, ModelViewSet[Reminder]):
    """Behind the flag `reminders`."""

    flag = "reminders"
    queryset = Reminder.objects.all()
    serializer_class = ReminderSerializer
