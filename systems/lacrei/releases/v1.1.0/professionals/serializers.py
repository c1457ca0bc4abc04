from rest_framework import serializers

from professionals.models import Professional
from professionals.phones import to_e164


class ProfessionalSerializer(serializers.ModelSerializer[Professional]):
    class Meta:
        model = Professional
        fields = ("id", "social_name", "profession", "registration", "phone", "address", "active")

    def validate_phone(self, value: str) -> str:
        return to_e164(value)
