import os


class Settings:
    database_url = os.environ["DATABASE_URL"]
    schema = "shared"


settings = Settings()
