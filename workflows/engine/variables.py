"""What a container's environment holds: its own variables, those of its project's secrets and config maps, facts about its pod."""

import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from workflows.engine.state import Json

REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z0-9_.-]+)\)")
KEYED = re.compile(r"^metadata\.(labels|annotations)\['(.+)'\]$")
NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]*$")


class ReferenceMissing(ValueError):
    """A container asks for a secret, a config map or a field that is not there."""


@dataclass(frozen=True)
class Known:
    """What a pod may refer to: `secrets` by `name.key`, its project's config maps, `fields` about itself."""

    secrets: Mapping[str, str]
    config_map: Callable[[str], Json | None]
    fields: Mapping[str, str]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    def secret(self, name: str) -> dict[str, str]:
        """The keys of a secret with their values; empty where there is none."""
        start = f"{name}."
        return {key.removeprefix(start): value for key, value in self.secrets.items() if key.startswith(start)}

    def field(self, path: str) -> str:
        """The value of a field of the pod. Raises `ReferenceMissing`."""
        if found := KEYED.match(path):
            return str((self.labels if found[1] == "labels" else self.annotations).get(found[2], ""))
        try:
            return self.fields[path]
        except KeyError:
            known = ", ".join((*self.fields, "metadata.labels['KEY']", "metadata.annotations['KEY']"))
            raise ReferenceMissing(f"fieldRef {path} is not known here; known are {known}") from None


@lru_cache
def _host_name() -> str:
    return socket.gethostname()


def pod_fields(namespace: str, pod: str, workflow: str, service_account: str, address: str) -> dict[str, str]:
    """The fields that a `fieldRef` may name."""
    host = _host_name()
    return {
        "metadata.name": pod, "metadata.namespace": namespace, "metadata.uid": f"{workflow}/{pod}", "spec.nodeName": host,
        "spec.serviceAccountName": service_account, "status.podIP": address, "status.hostIP": "127.0.0.1",
    }  # fmt: skip


def wants_secrets(body: Json) -> bool:
    """Whether a container, a template or a volume speaks of secrets."""
    return any(word in str(body) for word in ("secretKeyRef", "secretRef", "'secret'", "Secret'"))


def environment(body: Json, known: Known, own: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """The variables of a container between its `own` ones and those that are `added`; later ones may refer to earlier ones by `$(NAME)`.

    Raises:
        ReferenceMissing: a secret, config map or field is not there and not optional.
    """
    made = dict(own)
    for source in body.get("envFrom") or []:
        made |= _many(source, known)
    for one in body.get("env") or []:
        value = _value(one, known, body)
        if value is not None:
            made[str(one["name"])] = expanded(value, made) if "value" in one else value
    made |= added
    return made


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """`text` with each `$(NAME)` of a known variable replaced; `$$` is a `$`."""
    return REFERENCE.sub(lambda found: "$" if found[0] == "$$" else variables.get(found[1], found[0]), text)


def _many(source: Json, known: Known) -> dict[str, str]:
    reference = source.get("secretRef") or source.get("configMapRef") or {}
    name = str(reference.get("name", ""))
    if "secretRef" in source:
        found: Mapping[str, str] = known.secret(name)
    else:
        found = (known.config_map(name) or {}).get("data") or {}
    if not found and not reference.get("optional"):
        raise _missing("secret" if "secretRef" in source else "configmap", name)
    prefix = str(source.get("prefix") or "")
    return {f"{prefix}{key}": str(value) for key, value in found.items() if NAME.match(f"{prefix}{key}")}


def _value(variable: Json, known: Known, body: Json) -> str | None:
    source = variable.get("valueFrom")
    if not source:
        return str(variable.get("value", ""))
    if reference := source.get("secretKeyRef"):
        return _keyed(
            "secret", reference, known.secret(reference["name"]) | {"": known.secrets.get(reference["key"], "")}
        )
    if reference := source.get("configMapKeyRef"):
        found = known.config_map(reference["name"])
        return _keyed("configmap", reference, {key: str(one) for key, one in ((found or {}).get("data") or {}).items()})
    if reference := source.get("fieldRef"):
        return known.field(str(reference["fieldPath"]))
    if reference := source.get("resourceFieldRef"):
        kind, _, resource = str(reference.get("resource", "")).partition(".")
        return str(((body.get("resources") or {}).get(kind) or {}).get(resource, "0"))
    raise ReferenceMissing(
        f"env.{variable.get('name')}.valueFrom needs secretKeyRef, configMapKeyRef, fieldRef or resourceFieldRef"
    )


def secret_value(known: Known, reference: Json) -> str:
    """The value of a secret's key, as a `secretKeyRef` names it; empty for an optional one that is not there.

    Raises:
        ReferenceMissing: it is not in the project.
    """
    return _value({"valueFrom": {"secretKeyRef": reference}}, known, {}) or ""


def _keyed(kind: str, reference: Json, table: Mapping[str, str]) -> str | None:
    key = str(reference["key"])
    if key in table:
        return table[key]
    if kind == "secret" and table.get(""):  # a secret that was stored by its key alone
        return table[""]
    if reference.get("optional"):
        return None
    raise _missing(kind, str(reference["name"]), key)


def _missing(kind: str, name: str, key: str = "") -> ReferenceMissing:
    what = f"{kind} {name}.{key}" if key else f"{kind} {name}"
    remedy = (
        "an admin adds it under Settings, Secrets"
        if kind == "secret"
        else "somebody who may write adds it under Settings, Config maps"
    )
    return ReferenceMissing(f"{what} is not in this project: {remedy}")
