"""Answers CloudFormation whether a release may go in. One whose gate is not open is refused."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

SECONDS = 10


def handler(event: Mapping[str, Any], context: Any) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html"""
    gate = event["ResourceProperties"].get("Gate")
    fine = gate == "open" or event["RequestType"] == "Delete"
    answer = {
        "Status": "SUCCESS" if fine else "FAILED",
        "Reason": f"the release's gate is {gate}; see {context.log_stream_name}",
        "PhysicalResourceId": event.get("PhysicalResourceId") or "release-gate",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    request = urllib.request.Request(  # noqa: S310  CloudFormation's own address
        event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT", headers={"content-type": ""}
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
        response.read()
