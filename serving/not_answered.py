"""Requests that a service did not answer, as the front door counted them: what alerts are judged by is what pages show."""

import re
from dataclasses import dataclass

from atrium.identity import platform_actor
from atrium.rpc import client, reaching

COUNTED = re.compile(r"vcluster\.(.+)\.upstream_rq_([45])xx: (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class NotAnswered:
    """Since the front door started: requests refused as their own fault (4xx), and those that failed (5xx), gRPC's by their code."""

    refused: int = 0
    failed: int = 0


def not_answered() -> dict[str, NotAnswered]:
    """Of each model that was asked (`project--service`). Raises `BackEndUnavailable`."""
    with reaching("door-admin"), client("door-admin", platform_actor("serving")) as http:
        text = http.get("/stats", params={"filter": r"vcluster\..*\.upstream_rq_[45]xx$"}).raise_for_status().text
    found: dict[str, dict[str, int]] = {}
    for model, digit, count in COUNTED.findall(text):
        found.setdefault(model, {})["refused" if digit == "4" else "failed"] = int(count)
    return {model: NotAnswered(**counts) for model, counts in found.items()}
