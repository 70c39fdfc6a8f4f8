"""What the machine asks of the world around a workflow."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from workflows.engine.machine.locks import Locks
from workflows.engine.machine.throttle import Throttle
from workflows.engine.state import Json, Workflow

TYPE_LABEL = "workflows.argoproj.io/configmap-type"


class ConfigMaps(Protocol):
    """Config maps of projects: parameters, semaphores' limits, memoized outputs."""

    def config_map(self, namespace: str, name: str) -> Json | None:
        """The object (`metadata`, `data`), or None. What was put is seen at once."""

    def put_config_map(self, namespace: str, document: Json) -> None:
        """Keeps the object under its `metadata.name`, over one of that name; it is on disk when this returns."""


class NoConfigMaps:
    """A world without any."""

    def config_map(self, namespace: str, name: str) -> Json | None:
        """None."""
        return None

    def put_config_map(self, namespace: str, document: Json) -> None:
        """Forgets it."""


class ConfigMapInvalid(ValueError):
    """A config map, or a key of one, is not there, or is not for this use; `missing` tells the first."""

    def __init__(self, message: str, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


@dataclass
class World:
    """Config maps, the locks that workflows of one server share, and how many of them may run."""

    config_maps: ConfigMaps
    locks: Locks
    throttle: Throttle = field(default_factory=Throttle)

    @classmethod
    def of(cls, config_maps: ConfigMaps) -> "World":
        """A world with these config maps and fresh locks."""
        return cls(config_maps, Locks(config_maps.config_map))

    def take_up(self, workflows: Iterable[Workflow]) -> None:
        """Lays out again who holds and waits for what, after a restart."""
        found = list(workflows)
        self.locks.take_up(found)
        self.throttle.take_up(found)

    def release_all(self, workflow: Workflow) -> set[str]:
        """Gives back whatever a workflow that has ended or is gone held; the others to look at, as `namespace/name`."""
        return self.locks.release_all(workflow) | self.throttle.remove(workflow)

    def parameter(self, namespace: str, name: str, key: str) -> str:
        """The value of a config map's key, for a parameter. Raises `ConfigMapInvalid` in Argo's words."""
        found = self.config_maps.config_map(namespace, name)
        label = (((found or {}).get("metadata") or {}).get("labels") or {}).get(TYPE_LABEL)
        wanted = f"{TYPE_LABEL}: Parameter"
        if found is None or label is None:  # Argo watches those alone that have the label
            told = f"Please make sure it has the label {wanted} to be detectable by the controller"
            raise ConfigMapInvalid(f"ConfigMap '{name}' does not exist. {told}", missing=True)
        if label != "Parameter":
            raise ConfigMapInvalid(f"ConfigMap '{name}' needs to have the label {wanted} to load parameters")
        data = found.get("data") or {}
        if key not in data:
            raise ConfigMapInvalid(f"ConfigMap '{name}' does not have the key '{key}'", missing=True)
        return str(data[key])
