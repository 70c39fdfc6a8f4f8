"""What projects, services, datasets and the like may be called."""

import re

from atrium.errors import Invalid

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SHORTEST, LONGEST = 2, 30
RESERVED = frozenset(
    "admin api app argo atrium auth content default docs feast healthz internal metrics mlflow none null platform "
    "root static system v2 www".split()
)


class NameInvalid(Invalid):
    """A name breaks the rules of names."""


def check_name(value: str, what: str) -> str:
    """Returns `value` if it may name a `what` (project, service, …), 2 to 30 characters; raises `NameInvalid`."""
    if not (SHORTEST <= len(value) <= LONGEST and NAME.fullmatch(value)):
        raise NameInvalid(
            f"{what} name {value!r}",
            f"a name has {SHORTEST} to {LONGEST} characters of a-z, 0-9 and single dashes between them",
            "choose another name, like 'flight-delay'",
        )
    if value in RESERVED:
        raise NameInvalid(f"{what} name {value!r}", "this name is reserved for the platform", "choose another name")
    return value


def model_name(project: str, service: str) -> str:
    """A service's model name in KServe's v2 protocol: `<project>--<service>`."""
    return f"{project}--{service}"
