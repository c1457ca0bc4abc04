"""Settings, all of them from environment variables: see lacrei/variables.py and .env.example."""

import os
import secrets

from psycopg.conninfo import conninfo_to_dict

from lacrei import limits, variables
from lacrei.logs import logging_as_json


def _database(address: str) -> dict[str, object]:
    """An entry of DATABASES from what libpq understands: a URL, or `host=... dbname=...`."""
    known = {key: str(value) for key, value in conninfo_to_dict(address).items()}
    words = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password", "NAME": "dbname"}
    entry: dict[str, object] = {setting: known.pop(word, "") for setting, word in words.items()}
    timeout = limits.seconds(os.environ.get(variables.DATABASE_TIMEOUT, "5"))
    options = {"connect_timeout": timeout, **known}
    return {"ENGINE": "django.db.backends.postgresql", "OPTIONS": options, **entry}


def _listed(name: str, default: str = "") -> list[str]:
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


# Without a key of its own a process makes one up: good for an API that signs nothing that lasts.
SECRET_KEY = os.environ.get(variables.SECRET) or secrets.token_urlsafe(50)
DEBUG = False
ALLOWED_HOSTS = _listed(variables.HOSTS, "127.0.0.1,localhost")
APP_ROLE = os.environ.get(variables.APP_ROLE, "lacrei_app")

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "rest_framework",
    "rest_framework.authtoken",
    "professionals",
    "appointments",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "lacrei.logs.RequestLog",
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = "lacrei.urls"
WSGI_APPLICATION = "lacrei.wsgi.application"
DATABASES = {"default": _database(os.environ.get(variables.DATABASE, "postgres://localhost/lacrei"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING = logging_as_json(os.environ.get(variables.LOG_LEVEL, "INFO"))

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "lacrei.pages.Pages",
}
