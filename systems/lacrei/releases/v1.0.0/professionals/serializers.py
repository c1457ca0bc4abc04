from rest_framework import serializers

from professionals.models import Professional


class ProfessionalSerializer(serializers.ModelSerializer[Professional]):
    class Meta:
        model = Professional
        fields = ("id", "social_name", "profession", "registration", "phone", "address", "active")
