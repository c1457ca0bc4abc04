"""What can be asked for."""

from django.urls import include, path
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.routers import SimpleRouter

from appointments.views import Appointments, Patients, Reminders
from lacrei.health import health
from professionals.views import Professionals

router = SimpleRouter()
router.register("professionals", Professionals)
router.register("patients", Patients)
router.register("appointments", Appointments)
router.register("reminders", Reminders)

urlpatterns = [
    path("health", health),
    path("api/login/", obtain_auth_token),
    path("api/", include(router.urls)),
]
