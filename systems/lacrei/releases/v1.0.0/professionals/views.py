from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from professionals.models import Professional
from professionals.serializers import ProfessionalSerializer


class Professionals(ModelViewSet[Professional]):
    """The directory: anybody may read it."""

    queryset = Professional.objects.filter(active=True)
    serializer_class = ProfessionalSerializer
    permission_classes = (IsAuthenticatedOrReadOnly,)

    @action(detail=True)
    def legacy(self, request: Request, pk: str | None = None) -> Response:
        """The code that the system before this one knew the professional by."""
        return Response({"legacy_code": self.get_object().legacy_code})
