from io import StringIO

from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import override_settings
from rest_framework.authtoken.models import Token
from rest_framework.test import APITestCase

from appointments.documents import check_digits, synthetic
from appointments.models import Appointment
from professionals.models import Professional


class Api(APITestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        call_command("seed", scale=0.01, token="0" * 40, verbosity=0, stdout=StringIO())

    def login(self) -> None:
        self.client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get().key}")

    def test_health_reads_the_database(self) -> None:
        answer = self.client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")

    def test_the_directory_is_public_and_the_rest_is_not(self) -> None:
        assert self.client.get("/api/professionals/").status_code == 200
        for path in ("patients", "appointments", "reminders"):
            assert self.client.get(f"/api/{path}/").status_code == 401

    def test_a_login_gives_a_token(self) -> None:
        User.objects.create_user("ana", password="a long one")
        answer = self.client.post("/api/login/", {"username": "ana", "password": "a long one"}, format="json")
        assert set(answer.json()) == {"token"}

    def test_a_document_that_may_be_a_persons_is_refused(self) -> None:
        self.login()
        right = "".join(map(str, check_digits([1] * 9)))
        for document, status in ((f"111.111.111-{right}", 400), (synthetic(7), 201)):
            patient = {"name": "X", "document": document, "email": "x@example.com"}
            assert self.client.post("/api/patients/", patient, format="json").status_code == status

    def test_an_appointment_takes_the_next_free_time(self) -> None:
        self.login()
        body = {"professional": 1, "patient": 1}
        for reference in ("a", "b"):
            answer = self.client.post("/api/appointments/", {**body, "reference": reference}, format="json")
            assert answer.status_code == 201
        times = Appointment.objects.filter(reference__in=("a", "b")).values_list("starts_at", flat=True)
        assert len(set(times)) == 2

    def test_nobody_is_booked_twice(self) -> None:
        self.login()
        taken = Appointment.objects.exclude(status="cancelled").first()
        body = {"professional": taken.professional_id, "patient": 1, "starts_at": taken.starts_at}
        answer = self.client.post("/api/appointments/", {**body, "reference": "again"}, format="json")
        assert answer.status_code == 409

    def test_telephone_numbers_are_kept_as_e164(self) -> None:
        self.login()
        body = {"social_name": "Y", "profession": "Z", "registration": "CRM1", "address": "-"}
        self.client.post("/api/professionals/", {**body, "phone": "(11) 90000-0001"}, format="json")
        assert Professional.objects.get(registration="CRM1").phone == "+5511900000001"

    @override_settings(FEATURE_FLAGS=frozenset())
    def test_a_feature_that_is_turned_off_is_not_there(self) -> None:
        self.login()
        assert self.client.get("/api/reminders/").status_code == 404
