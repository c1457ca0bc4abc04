"""Settings from Parameter Store and flags from AppConfig, read anew for each request.

A change counts at once, and so does taking it back. A busier service would keep them for some seconds.
"""

from __future__ import annotations

import json
import os

from alquimista_aws.clients import client


def number(name: str) -> int:
    """A whole number. Raises ValueError when the parameter holds something else: a wrong setting shows."""
    found = client("ssm").get_parameter(Name=os.environ["SETTINGS_PATH"] + name)
    return int(found["Parameter"]["Value"])


def flag(name: str) -> bool:
    """A feature flag; one that the document does not have is off."""
    appconfig = client("appconfigdata")
    session = appconfig.start_configuration_session(
        ApplicationIdentifier=os.environ["FLAGS_APPLICATION"],
        EnvironmentIdentifier=os.environ["FLAGS_ENVIRONMENT"],
        ConfigurationProfileIdentifier="flags",
    )
    found = appconfig.get_latest_configuration(ConfigurationToken=session["InitialConfigurationToken"])
    return json.loads(found["Configuration"].read()).get(name) is True
