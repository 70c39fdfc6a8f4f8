"""A project's config maps, key by key: parameters of workflows, limits of semaphores; kept by the workflow server."""

from contextlib import suppress

from atrium.errors import NotFound
from atrium.identity import Actor, Verb, require
from workflows.backends.argo import ArgoBackend
from workflows.models import ConfigMapView, RunNotFound

AS_PARAMETER = {"workflows.argoproj.io/configmap-type": "Parameter"}  # without it Argo reads no parameter from a map


def list_config_maps(who: Actor, project: str) -> list[ConfigMapView]:
    """The project's config maps with their values, by name. Raises `Forbidden`, `BackEndUnavailable`."""
    require(who, Verb.READ, project)
    items = ArgoBackend(who, project).call("GET", f"config-maps/{project}").get("items") or []
    return [ConfigMapView(one["metadata"]["name"], one.get("data") or {}) for one in items]


def set_config_value(who: Actor, project: str, name: str, key: str, value: str) -> None:
    """Sets one key of a config map, which is made where there is none; workflows that wait for it look again.

    Raises:
        Forbidden, BackEndUnavailable; ManifestInvalid: name, key, or more than 1 MiB in all, in the server's words.
    """
    require(who, Verb.WRITE, project)
    server = ArgoBackend(who, project)
    found = None
    with suppress(RunNotFound):
        found = server.call("GET", f"config-maps/{project}/{name}") if name else None
    metadata = found["metadata"] if found else {"name": name, "labels": AS_PARAMETER}
    body = {"metadata": metadata, "data": ((found or {}).get("data") or {}) | {key: value}}
    method, path = ("PUT", f"config-maps/{project}/{name}") if found else ("POST", f"config-maps/{project}")
    server.call(method, path, {"configMap": body})


def delete_config_value(who: Actor, project: str, name: str, key: str) -> None:
    """Forgets one key of a config map, and the map with its last. Raises `Forbidden`, `NotFound`, `BackEndUnavailable`."""
    require(who, Verb.WRITE, project)
    found = next((one for one in list_config_maps(who, project) if one.name == name), None)
    if found is None or key not in found.data:
        raise NotFound(f"key {key!r} of config map {name!r}", "it must exist", "see Settings, Config maps")
    server = ArgoBackend(who, project)
    rest = {one: value for one, value in found.data.items() if one != key}
    if not rest:
        server.call("DELETE", f"config-maps/{project}/{name}")
        return
    kept = server.call("GET", f"config-maps/{project}/{name}")
    server.call("PUT", f"config-maps/{project}/{name}", {"configMap": {**kept, "data": rest}})
