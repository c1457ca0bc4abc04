from rest_framework import serializers

from appointments.documents import validates
from appointments.models import Appointment, Patient, Reminder


class PatientSerializer(serializers.ModelSerializer[Patient]):
    class Meta:
        model = Patient
        fields = ("id", "name", "document", "email")

    def validate_document(self, value: str) -> str:
        if validates(value):
            raise serializers.ValidationError("this may be a person's: only made-up documents are taken")
        return value


class AppointmentSerializer(serializers.ModelSerializer[Appointment]):
    class Meta:
        model = Appointment
        fields = ("id", "professional", "patient", "starts_at", "minutes", "status", "reference")
        extra_kwargs = {"starts_at": {"required": False}}
        validators = ()


class ReminderSerializer(serializers.ModelSerializer[Reminder]):
    class Meta:
        model = Reminder
        fields = ("id", "appointment", "send_at", "sent")
