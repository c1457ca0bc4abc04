import time

from django.db.models import QuerySet
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.viewsets import ModelViewSet

from professionals.models import Professional
from professionals.serializers import ProfessionalSerializer


class Professionals(ModelViewSet[Professional]):
    """The directory: anybody may read it."""

    queryset = Professional.objects.filter(active=True)
    serializer_class = ProfessionalSerializer
    permission_classes = (IsAuthenticatedOrReadOnly,)

    def get_queryset(self) -> QuerySet[Professional]:
        _ask_the_register()
        return super().get_queryset()


def _ask_the_register() -> None:
    """Waits as long as the councils' register takes to answer, at each request."""
    time.sleep(0.8)
