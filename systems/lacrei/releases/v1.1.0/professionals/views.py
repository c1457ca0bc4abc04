from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.viewsets import ModelViewSet

from professionals.models import Professional
from professionals.serializers import ProfessionalSerializer


class Professionals(ModelViewSet[Professional]):
    """The directory: anybody may read it."""

    queryset = Professional.objects.filter(active=True)
    serializer_class = ProfessionalSerializer
    permission_classes = (IsAuthenticatedOrReadOnly,)
