"""What a resource template may ask for: objects of the project's own namespace, and flags that lead nowhere else."""

import re
from collections.abc import Iterable, Iterator

from workflows.engine.state import Json

WITH_VALUE = frozenset(
    {
        "-l", "--selector", "--field-selector", "--grace-period", "--timeout", "--subresource", "--field-manager",
    }
)  # fmt: skip
ALONE = frozenset(
    {
        "--ignore-not-found", "--force", "--now", "--all", "--validate", "--server-side", "--force-conflicts", "--overwrite",
        "--save-config", "--wait", "--cascade", "--record",
    }
)  # fmt: skip
OWNERLESS = (
    "setOwnerReference: the workflow itself is no object of the cluster, so nothing there can belong to it; delete what is made in an exit "
    "handler (Argo's own kinds are kept by this server, and can belong to it)"
)
PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(,[A-Za-z0-9][A-Za-z0-9._-]*)*(/[A-Za-z0-9][A-Za-z0-9._:-]*)?")


class ResourceRefused(ValueError):
    """Something that a resource template may not do here; the text says what and why."""


def check_flags(flags: Iterable[object], namespace: str) -> list[str]:
    """The kinds that flags name beside their options; `namespace` empty where it is not known yet.

    Raises:
        ResourceRefused: an option that is not known to stay in the namespace.
    """
    words, kinds = iter([str(one) for one in flags]), list[str]()
    named = False
    for word in words:
        option, equals, value = word.partition("=")
        if not word.startswith("-"):
            if not PART.fullmatch(word):
                raise ResourceRefused(f"flag {word[:60]!r}: a kind, kind/name or name is expected")
            kinds += [one for one in word.partition("/")[0].split(",") if "/" in word or not named]
            named = True
        elif option in ("-n", "--namespace"):
            value = value if equals else next(words, "")
            if namespace and value != namespace:
                raise ResourceRefused(f"flag {option} {value[:63]!r}: the project's namespace there is {namespace!r}")
        elif option in WITH_VALUE:
            if not equals:
                next(words, "")
        elif option not in ALONE:
            known = ", ".join(sorted(WITH_VALUE | ALONE))
            raise ResourceRefused(
                f"flag {option[:60]!r} is not passed on to kubectl; kinds, names and these are: {known}"
            )
    return kinds


def read_flags(flags: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """The words beside the options, and the options with their values."""
    rest, words, options = iter(flags), list[str](), dict[str, str]()
    for word in rest:
        option, equals, value = word.partition("=")
        if not word.startswith("-"):
            words.append(word)
        else:
            options[option] = value if equals or option not in WITH_VALUE | {"-n", "--namespace"} else next(rest, "")
    return words, options


def _objects(document: object) -> Iterator[Json]:
    if isinstance(document, dict):
        if isinstance(document.get("items"), list) and str(document.get("kind", "")).endswith("List"):
            for one in document["items"]:
                yield from _objects(one)
        else:
            yield document
    else:
        raise ResourceRefused(f"an object of Kubernetes is expected, not {str(document)[:60]!r}")


def check_objects(documents: Iterable[object], namespace: str, outside: frozenset[str]) -> None:
    """Refuses objects of another namespace, or of none: `outside` holds `apiVersion/kind` of kinds that have none. Raises `ResourceRefused`."""
    for document in documents:
        for one in _objects(document):
            metadata = one.get("metadata")
            own = str((metadata if isinstance(metadata, dict) else {}).get("namespace") or namespace)
            kind = str(one.get("kind") or "")
            if own != namespace:
                raise ResourceRefused(
                    f"{kind} in namespace {own[:63]!r}: the project's namespace there is {namespace!r}"
                )
            if f"{one.get('apiVersion')}/{kind}".lower() in outside:
                raise ResourceRefused(
                    f"{kind} is an object of the whole cluster: a project changes objects of its namespace {namespace!r} alone"
                )


def check_kinds(kinds: Iterable[str], outside: frozenset[str]) -> None:
    """Refuses kinds, as flags name them, that have no namespace. Raises `ResourceRefused`."""
    for kind in kinds:
        if kind.lower() in outside or kind.lower().partition(".")[0] in outside:
            raise ResourceRefused(
                f"{kind} are objects of the whole cluster: a project uses objects of its namespace alone"
            )


def clusterwide(table: str) -> frozenset[str]:
    """What `kubectl api-resources --namespaced=false --no-headers` tells: `apiVersion/kind`, and every name by which a flag may name a kind."""
    found = set[str]()
    for line in table.splitlines():
        words = line.split()
        if len(words) < 4:  # NAME [SHORTNAMES] APIVERSION NAMESPACED KIND
            continue
        name, version, kind = words[0], words[-3], words[-1]
        short = words[1].split(",") if len(words) > 4 else []
        found |= {f"{version}/{kind}".lower(), name.lower(), kind.lower(), *(one.lower() for one in short)}
    return frozenset(found)
