"""Feature flags: on when FEATURE_FLAGS names them; turning one off needs no other release."""

from django.conf import settings
from django.http import Http404
from rest_framework.request import Request
from rest_framework.views import APIView


class Flagged(APIView):
    """A view that is not there while its flag is off."""

    flag = ""

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        if self.flag not in settings.FEATURE_FLAGS:
            raise Http404
        super().initial(request, *args, **kwargs)
