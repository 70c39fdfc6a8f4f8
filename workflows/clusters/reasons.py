"""Why a step on a cluster waits or fell: from its node's message, its pod and the pod's events, each a code with its values.

The texts are those of kube-scheduler, kubelet, the API server and Argo; what is not known is given as it was said.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = Mapping[str, Any]


class Cause(StrEnum):
    """What keeps a step from running, or ended it."""

    RESOURCE = "resource"
    TAINT = "taint"
    SELECTOR = "selector"
    VOLUME = "volume"
    UNSCHEDULABLE = "unschedulable"
    GATED = "gated"
    IMAGE_NAME = "image name"
    IMAGE_MISSING = "image missing"
    IMAGE_RIGHTS = "image rights"
    IMAGE_REACH = "image reach"
    IMAGE = "image"
    CONFIG = "config"
    MOUNT = "mount"
    COMMAND = "command"
    MEMORY = "memory"
    EVICTED = "evicted"
    DEADLINE = "deadline"
    QUOTA = "quota"
    LIMIT_RANGE = "limit range"
    SECURITY = "security"
    WEBHOOK = "webhook"
    RIGHTS = "rights"
    DELETED = "deleted"


@dataclass(frozen=True)
class PodReason:
    """A cause with its values (text by name) and the words of the cluster that it was read from."""

    cause: Cause
    step: str
    said: str
    values: Mapping[str, str] = field(default_factory=dict)


UNFIT = (
    (Cause.RESOURCE, re.compile(r"(?P<nodes>\d+) Insufficient (?P<resource>[\w./-]*\w)")),
    (Cause.TAINT, re.compile(r"(?P<nodes>\d+) node\(s\) had untolerated taint(?:\(s\))?(?: ?\{(?P<taint>[^}]*)\})?")),
    (Cause.SELECTOR, re.compile(r"(?P<nodes>\d+) node\(s\) didn't match Pod's node affinity/selector")),
    (Cause.VOLUME, re.compile(r"(?P<problem>(?:\d+ )?(?:pod has unbound immediate PersistentVolumeClaims|node\(s\) had volume node affinity conflict"
                              r"|node\(s\) exceed max volume count|persistentvolumeclaim \"[^\"]+\" not found))")),
)  # fmt: skip
PULLS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable")
IMAGE_TEXTS = (
    (Cause.IMAGE_MISSING, re.compile(r"manifest unknown|not found|ErrImageNeverPull|is not present with pull policy of Never", re.IGNORECASE)),
    (Cause.IMAGE_RIGHTS, re.compile(r"unauthorized|pull access denied|forbidden|authentication required|denied", re.IGNORECASE)),
    (Cause.IMAGE_REACH, re.compile(r"no such host|i/o timeout|connection refused|x509|lookup |dial tcp|server misbehaving|EOF|reset by peer", re.IGNORECASE)),
)  # fmt: skip
MESSAGES = (
    (Cause.QUOTA, re.compile(r"exceeded quota: (?P<quota>[^,]+), requested: (?P<requested>.+?), used: (?P<used>.+?), limited: (?P<limited>[^\s;]+)")),
    (Cause.LIMIT_RANGE, re.compile(r"(?P<problem>(?:failed quota: [^:]+: must specify .+)|(?:(?:maximum|minimum) \w+ usage per \w+ is [^\]]+))")),
    (Cause.SECURITY, re.compile(r"violates PodSecurity \"(?P<level>[^\"]+)\": (?P<problem>.+)")),
    (Cause.WEBHOOK, re.compile(r"admission webhook \"(?P<webhook>[^\"]+)\" denied the request:? ?(?P<problem>.*)")),
    (Cause.WEBHOOK, re.compile(r"failed calling webhook \"(?P<webhook>[^\"]+)\": (?P<problem>.+)")),
    (Cause.WEBHOOK, re.compile(r"ValidatingAdmissionPolicy '(?P<webhook>[^']+)'(?: with binding '[^']+')? denied request: (?P<problem>.*)")),
    (Cause.RIGHTS, re.compile(r"(?P<problem>cannot \w+ resource \"[^\"]+\" in API group \"[^\"]*\"(?: in the namespace \"[^\"]+\")?)")),
    (Cause.DEADLINE, re.compile(r"(?i)(?P<problem>pod was active on the node longer than the specified deadline|step exceeded its deadline|DeadlineExceeded)")),
    (Cause.COMMAND, re.compile(r"failed to find name in PATH: (?P<problem>.+)")),
    (Cause.DELETED, re.compile(r"^(?P<problem>pod deleted.*)")),
)  # fmt: skip


def explain(step: str, message: str, pod: Json | None, events: Sequence[Json]) -> list[PodReason]:
    """What keeps the step waiting or ended it, what tells most first; empty where nothing is known.

    `message` is the node's, `pod` the pod as the API gives it (None: there is none), `events` are its own, oldest first.
    """
    found: dict[tuple[Cause, str], PodReason] = {}
    status: Json = (pod or {}).get("status") or {}
    reasons = [*_fallen(step, pod or {}), *_containers(step, pod or {}), *_unscheduled(step, status), *_mounts(step, status, events),
               *_messages(step, " ".join(filter(None, (message, str(status.get("message") or "")))))]  # fmt: skip
    for one in reasons:
        found.setdefault(
            (one.cause, "|".join(one.values.values()) if one.cause in (Cause.RESOURCE, Cause.TAINT) else ""), one
        )
    return list(found.values())


def _fallen(step: str, pod: Json) -> Iterator[PodReason]:
    status: Json = pod.get("status") or {}
    limits = {
        one["name"]: ((one.get("resources") or {}).get("limits") or {}).get("memory", "")
        for one in (pod.get("spec") or {}).get("containers") or []
    }
    for one in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        for ended in ((one.get("state") or {}).get("terminated"), (one.get("lastState") or {}).get("terminated")):
            if ended and ended.get("reason") == "OOMKilled":
                values = {"container": one["name"], "limit": str(limits.get(one["name"]) or "")}
                yield PodReason(Cause.MEMORY, step, f"OOMKilled (exit code {ended.get('exitCode')})", values)
                break
            if ended and ended.get("reason") in ("StartError", "ContainerCannotRun"):
                values = {"container": one["name"], "image": one.get("image") or ""}
                yield PodReason(Cause.COMMAND, step, str(ended.get("message") or ended["reason"]), values)
                break
    if status.get("reason") in ("Evicted", "Preempting", "NodeLost", "Shutdown", "NodeShutdown", "Terminated"):
        yield PodReason(
            Cause.EVICTED, step, str(status.get("message") or status["reason"]), {"reason": str(status["reason"])}
        )
    elif moved := next(
        (
            one
            for one in status.get("conditions") or []
            if one["type"] == "DisruptionTarget" and one["status"] == "True"
        ),
        None,
    ):
        yield PodReason(
            Cause.EVICTED, step, str(moved.get("message") or ""), {"reason": str(moved.get("reason") or "")}
        )
    if status.get("reason") == "DeadlineExceeded":
        yield PodReason(
            Cause.DEADLINE, step, str(status.get("message") or status["reason"]), {"problem": "DeadlineExceeded"}
        )


def _containers(step: str, pod: Json) -> Iterator[PodReason]:
    status: Json = pod.get("status") or {}
    for one in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waits = (one.get("state") or {}).get("waiting") or {}
        reason, said = str(waits.get("reason") or ""), str(waits.get("message") or "")
        values = {"container": one["name"], "image": one.get("image") or ""}
        if reason == "InvalidImageName":
            yield PodReason(Cause.IMAGE_NAME, step, said, values)
        elif reason in PULLS:
            cause = next((cause for cause, pattern in IMAGE_TEXTS if pattern.search(f"{reason} {said}")), Cause.IMAGE)
            yield PodReason(cause, step, said or reason, values)
        elif reason in ("CreateContainerConfigError", "CreateContainerError"):
            yield PodReason(Cause.CONFIG, step, said or reason, values)
        elif reason in ("RunContainerError", "CrashLoopBackOff"):
            yield PodReason(Cause.COMMAND, step, said or reason, values)


def _unscheduled(step: str, status: Json) -> Iterator[PodReason]:
    told = next(
        (one for one in status.get("conditions") or [] if one["type"] == "PodScheduled" and one["status"] == "False"),
        None,
    )
    if told is None:
        return
    said = str(told.get("message") or "")
    if told.get("reason") == "SchedulingGated":
        yield PodReason(Cause.GATED, step, said)
        return
    before = said.partition("preemption:")[0]
    whole = re.match(r"(\d+)/(\d+) nodes are available", said)
    nodes = {"of": whole.group(2)} if whole else {}
    found = [
        PodReason(cause, step, said, {**nodes, **_values(match)})
        for cause, pattern in UNFIT
        for match in pattern.finditer(before)
    ]
    yield from found or [PodReason(Cause.UNSCHEDULABLE, step, said)]


def _mounts(step: str, status: Json, events: Sequence[Json]) -> Iterator[PodReason]:
    if status.get("phase") not in (None, "Pending"):
        return
    for one in reversed(events):
        if one.get("reason") in ("FailedMount", "FailedAttachVolume"):
            yield PodReason(Cause.MOUNT, step, str(one.get("message") or ""))
            return


def _messages(step: str, message: str) -> Iterator[PodReason]:
    for cause, pattern in MESSAGES:
        if match := pattern.search(message):
            yield PodReason(cause, step, message, _values(match))
            return


def _values(match: re.Match[str]) -> dict[str, str]:
    return {key: value for key, value in match.groupdict().items() if value}
