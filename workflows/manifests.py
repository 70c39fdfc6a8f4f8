"""Manifests as text: read as Argo's own clients read YAML, and where in the text what was refused stands."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from workflows.models import ManifestInvalid

LONGEST_MANIFEST = 1024 * 1024
MISMATCH: Final = re.compile(r"cannot unmarshal \w+.* into Go struct field \w+\.(?:workflow\.)?([\w.]+) of type (\S+)")
UNKNOWN: Final = re.compile(r'unknown field "(?:workflow\.)?([^"]+)"')
NAMED: Final = re.compile(r"""'([^']+)'|"([^"]+)"|(\{\{.*?\}\})""")
PLACE: Final = re.compile(r"templates\.([\w-]+)([\w.\[\]-]*)|template '([\w-]+)'()")
BOOL, MAP = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:map"
TIMESTAMP = "tag:yaml.org,2002:timestamp"
ONE_LETTER: Final = {"y": True, "Y": True, "n": False, "N": False}
FITTING: Final = {"string": "str", "bool": "bool", "int32": "int", "int64": "int", "float64": "float"}

PROBLEMS: Final = (
    "mapping values are not allowed", "did not find expected ',' or ']'", "did not find expected ',' or '}'", "could not find expected ':'",
    "did not find expected key", "did not find expected '-' indicator", "found character that cannot start any token",
    "found unexpected end of stream", "did not find expected node content", "already set in map",
)  # fmt: skip

Found = tuple[yaml.Node, yaml.Node]  # a key, or an item of a list, and its value


class _Loader(yaml.CSafeLoader):
    """YAML as Go's clients of Argo read it: y and n are booleans too, and what looks like a date is a text."""


class _Strict(_Loader):
    """As it is saved: a key stands once in its map."""


def _mapping(loader: _Strict, node: yaml.MappingNode) -> Iterator[dict[Any, Any]]:
    seen: set[str] = set()
    for key, _value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value in seen:
            raise yaml.MarkedYAMLError(problem=f'key "{key.value}" already set in map', problem_mark=key.start_mark)
        seen.add(str(key.value))
    yield from loader.construct_yaml_map(node)


def _bool(loader: _Loader, node: yaml.ScalarNode) -> bool:
    return ONE_LETTER[node.value] if node.value in ONE_LETTER else bool(loader.construct_yaml_bool(node))


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, shape) for tag, shape in pairs if tag != TIMESTAMP]
    for letter, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(BOOL, re.compile("^[yYnN]$"), list(ONE_LETTER))
_Loader.add_constructor(BOOL, _bool)
_Strict.add_constructor(MAP, _mapping)


def read_manifest(text: str) -> dict[str, Any]:
    """The workflow that a manifest means, to the letter as `argo submit` reads it.

    Raises:
        ManifestInvalid: too long, no YAML (with the line), or of another kind.
    """
    if len(text) > LONGEST_MANIFEST:
        raise ManifestInvalid(
            f"a manifest of {len(text)} characters", f"at most {LONGEST_MANIFEST}", "move data into artifacts"
        )
    try:
        found = yaml.load(text, _Strict)  # noqa: S506  derived from the safe one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        if mark is None:
            raise ManifestInvalid(
                "the manifest", "it is text without control characters", "remove them and save again"
            ) from error
        line, problem = mark.line + 1, str(getattr(error, "problem", ""))
        raise ManifestInvalid(
            f"line {line} of the manifest: {problem}",
            in_plain_words(problem),
            "mend that line or the one before it, and save again",
            line,
        ) from error
    if not isinstance(found, dict) or found.get("kind") not in ("Workflow", "WorkflowTemplate"):
        raise ManifestInvalid("the manifest", "its kind is Workflow or WorkflowTemplate", "see docs/pipelines.md")
    return found


def saved_manifest(text: str) -> dict[str, Any]:
    """The workflow of a manifest that was saved."""
    found: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506  derived from the safe one
    return found


def value_text(value: object) -> str:
    """A parameter's value as the text that Argo makes of it: `true`, `1.5`, and texts as they are."""
    return value if isinstance(value, str) else json.dumps(value)


def in_plain_words(problem: str) -> str:
    """What YAML wants where its parser says `problem`."""
    number = next((number for number, one in enumerate(PROBLEMS) if one in problem), len(PROBLEMS))
    return (
        "a line holds one key and its value; a text that holds a colon and a space stands in quotes",
        "a list opened with [ is closed with ], with commas between its items",
        "a map opened with { is closed with }, with commas between its keys",
        "each key is followed by a colon and a space",
        "keys that belong together begin in the same column",
        "the items of a list begin with a dash and a space in the same column",
        "lines are indented by spaces, never tabs; a text that begins with @, ` or % stands in quotes",
        "an opened quote is closed",
        "a value stands here; brackets, commas and quotes are complete",
        "each key stands once in its map",
        "it is YAML",
    )[number]


def quoting(refusal: str) -> str:
    """What helps where a workflow server wants a text and YAML gave something else; empty for any other refusal."""
    found = re.search(r"unmarshal (bool|number).* of type string", refusal)
    if found is None:
        return ""
    if found[1] == "bool":
        return "a text; true, false, yes, no, on, off, y and n mean a boolean unless they stand in quotes"
    return "a text; a number is one when it stands in quotes"


def line_of(text: str, refusal: str) -> int:
    """The line, from 1, of what a workflow server's `refusal` is about; 0 where it cannot be told."""
    root = yaml.compose(text, _Loader)
    if root is None:
        return 0
    if found := MISMATCH.search(refusal):
        fitting, places = f"tag:yaml.org,2002:{FITTING.get(found[2], found[2])}", _below(root, found[1].split("."))
        return _line(next((one for one in places if one[1].tag != fitting), None))
    if found := UNKNOWN.search(refusal):
        return _line(next(_below(root, re.findall(r"[^.\[\]]+", found[1])), None))
    names = [next(filter(None, groups)) for groups in NAMED.findall(refusal)]
    named = _places(root, refusal)
    for one in (*reversed(named), (root, root)):
        if told := next((two for name in names for two in _all(one[1]) if _says(two[1], name)), None):
            return _line(told)
    return _line(named[-1] if named else None)


def _says(node: yaml.Node, name: str) -> bool:
    """Whether a text is what a refusal quotes, or holds the tag that it tells."""
    return isinstance(node, yaml.ScalarNode) and (node.value == name or (name.startswith("{{") and name in node.value))


def _places(root: yaml.Node, refusal: str) -> list[Found]:
    """The template that a refusal speaks of first, and what it names within it, ever deeper: `templates.main.steps[1].show`."""
    told = PLACE.search(refusal)
    lists = list(_below(root, ["spec", "templates"])) if told else []
    at = _item(lists[0][1], told[1] or told[3]) if told and lists else None
    places = []
    for part in [*re.findall(r"[^.\[\]]+", told[2] or ""), ""] if told else []:
        if at is None:
            break
        places.append(at)
        at = _item(at[1], part)
    return places


def _item(node: yaml.Node, part: str) -> Found | None:
    """What a map has under a key (of a dag too), or a list at a place or under a name."""
    if isinstance(node, yaml.MappingNode):
        own = {key.value: (key, value) for key, value in node.value}
        return own.get(part) or (_item(own["dag"][1], part) if part == "tasks" and "dag" in own else None)
    items = [(one, one) for one in node.value] if isinstance(node, yaml.SequenceNode) else []
    if part.isdigit():
        return items[int(part)] if int(part) < len(items) else None
    return next((one for one in items if any(_says(name, part) for _key, name in _below(one[1], ["name"]))), None)


def _line(found: Found | None) -> int:
    return found[0].start_mark.line + 1 if found else 0


def _inside(node: yaml.Node) -> list[Found]:
    if isinstance(node, yaml.MappingNode):
        return list(node.value)
    return [(one, one) for one in node.value] if isinstance(node, yaml.SequenceNode) else []


def _below(node: yaml.Node, path: list[str]) -> Iterator[Found]:
    """What stands at a path of keys and places in lists; a list that the path gives no place in is searched whole."""
    if isinstance(node, yaml.SequenceNode):
        numbered = path[0].isdigit()
        items = node.value[int(path[0]) : int(path[0]) + 1] if numbered else node.value
        for one in items:
            yield from _below(one, path[1:] if numbered else path)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == path[0]:
                yield from _below(value, path[1:]) if path[1:] else [(key, value)]


def _all(node: yaml.Node) -> Iterator[Found]:
    for one in _inside(node):
        yield one
        yield from _all(one[1])
