"""Resource templates: what is done to objects, as Argo's executor does it: to Argo's own kinds by this server, to others on a connected cluster."""

from workflows.engine.resources.carrying import CLUSTER, FAILURES, JQ, Hands, ResourceRun, filtered_text
from workflows.engine.resources.kinds import is_own
from workflows.engine.resources.kubectl import Kubectl
from workflows.engine.resources.own import Own, OwnServer
from workflows.engine.resources.rules import OWNERLESS, ResourceRefused, check_flags, check_objects

__all__ = [
    "CLUSTER",
    "FAILURES",
    "JQ",
    "OWNERLESS",
    "Hands",
    "Kubectl",
    "Own",
    "OwnServer",
    "ResourceRefused",
    "ResourceRun",
    "check_flags",
    "check_objects",
    "filtered_text",
    "is_own",
]
