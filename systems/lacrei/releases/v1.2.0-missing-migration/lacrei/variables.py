"""Names of the environment variables that the service is configured by; .env.example explains each."""

DATABASE = "DATABASE_URL"
SECRET = "DJANGO_SECRET_KEY"
HOSTS = "ALLOWED_HOSTS"
FLAGS = "FEATURE_FLAGS"
LOG_LEVEL = "LOG_LEVEL"
APP_ROLE = "LACREI_APP_ROLE"
DATABASE_TIMEOUT = "DATABASE_TIMEOUT"
