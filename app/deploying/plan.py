"""The plan: each object dry-run by the API server itself and compared with what is there, before anything is changed."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.deploying.kubectl import ClusterSaidNo, Json, applied, check_answered, items
from workflows.clusters.images import containers

NOBODYS = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
STAND_IN = "default"  # the namespace that every cluster has
LONGEST_VALUE = 80


@dataclass(frozen=True)
class Change:
    """What becomes of one object; `fields` tell each change as `path: old → new`, of a new one its images."""

    name: str
    verb: str
    fields: list[str] = field(default_factory=list)
    restarts: bool = False


def make_plan(objects: Sequence[Json]) -> list[Change]:
    """What applying would change, by the API server's own dry run; nothing is changed.

    Raises:
        ClusterSaidNo: it refuses one, or another manager owns a field.
    """
    there = {one["metadata"]["name"] for one in items("namespaces")}
    found = []
    for one in objects:
        namespace = one["metadata"].get("namespace", "")
        after = _dry_run(one, STAND_IN if namespace and namespace not in there else "")
        before = (
            items(f"{one['kind']}.{_group(one)}", one["metadata"]["name"], *_where(namespace))
            if namespace in (*there, "")
            else []
        )
        found.append(_change(one, before[0] if before else None, after))
    return found


def _group(one: Json) -> str:
    group, _, version = one["apiVersion"].rpartition("/")
    return f"{version}.{group}" if group else version + "."


def _where(namespace: str) -> list[str]:
    return ["-n", namespace] if namespace else []


def _dry_run(one: Json, stand_in: str) -> Json:
    """The object as the API server would keep it; in a namespace that is there, where its own is not yet."""
    asked = {**one, "metadata": {**one["metadata"], "namespace": stand_in}} if stand_in else one
    made = applied(json.dumps(asked), "--dry-run=server", "-o", "json")
    if made.returncode:
        check_answered(f"apply --dry-run=server of {label(one)}", made.stderr)
        said = made.stderr.strip()[-1000:]
        raise ClusterSaidNo(
            f"{label(one)} would be refused: {said}", "every object is taken", "mend what it says; nothing was changed"
        )
    found: Json = json.loads(made.stdout)
    return found


def label(one: Json) -> str:
    """An object's kind, namespace and name."""
    namespace = one["metadata"].get("namespace")
    return f"{one['kind']} {f'{namespace}/' if namespace else ''}{one['metadata']['name']}"


def _change(one: Json, before: Json | None, after: Json) -> Change:
    if before is None:
        return Change(label(one), "create", [f"image: {image['image']}" for image in containers(one)])
    return changed(before, after)


def changed(before: Json, after: Json) -> Change:
    """What differs between an object as it is and as it would be."""
    fields = list(_differences(_own(before), _own(after), before["kind"] == "Secret"))
    restarts = before["kind"] in ("Deployment", "StatefulSet") and any(
        text.startswith("spec.template.") for text in fields
    )
    return Change(label(before), "change" if fields else "keep", fields, restarts)


def _own(one: Json) -> Json:
    metadata = {key: value for key, value in one["metadata"].items() if key not in NOBODYS}
    return {**{key: value for key, value in one.items() if key != "status"}, "metadata": metadata}


def _differences(before: object, after: object, secret: bool, path: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _differences(before.get(key), after.get(key), secret, f"{path}.{key}" if path else key)
    elif (old := _by_key(before)) and (new := _by_key(after)):
        for name in sorted({*old, *new}):
            yield from _differences(old.get(name), new.get(name), secret, f"{path}[{name}]")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, secret, f"{path}[{index}]")
    elif before != after:
        yield f"{path}: {_shown(before, secret)} → {_shown(after, secret)}"


def _by_key(value: object) -> dict[str, object]:
    """A list of objects that Kubernetes merges by a key, by that key; nothing for other values."""
    parts = value if isinstance(value, list) and all(isinstance(one, dict) for one in value) else []
    names = [str(one.get("mountPath") or one.get("name") or "") for one in parts]
    return dict(zip(names, parts, strict=True)) if all(names) and len({*names}) == len(names) else {}


def _shown(value: object, secret: bool) -> str:
    text = "***" if secret and value is not None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
