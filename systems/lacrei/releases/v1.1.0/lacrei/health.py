"""Is the service up, and can it use its database?"""

import logging

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse

from lacrei import __version__
from professionals.models import Professional

_LOG = logging.getLogger(__name__)


def health(request: HttpRequest) -> JsonResponse:
    """200 when a professional can be read as the application reads them, else 503."""
    try:
        Professional.objects.first()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM django_migrations")
            (migrations,) = cursor.fetchone()
    except Error as error:
        _LOG.error("the database cannot be used", extra={"facts": {"error": type(error).__name__}})
        return JsonResponse({"status": "unavailable", "version": __version__}, status=503)
    return JsonResponse({"status": "ok", "version": __version__, "migrations": migrations})
