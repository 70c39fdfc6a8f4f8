"""Resource templates: what is done to objects of a project's namespace on a connected cluster, by kubectl, as Argo's executor does it."""

from workflows.engine.resources.carrying import CLUSTER, FAILURES, JQ, ResourceRun, filtered_text
from workflows.engine.resources.rules import ResourceRefused, check_flags, check_objects

__all__ = [
    "CLUSTER",
    "FAILURES",
    "JQ",
    "ResourceRefused",
    "ResourceRun",
    "check_flags",
    "check_objects",
    "filtered_text",
]
