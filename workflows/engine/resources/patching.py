"""What becomes of an object: JSON merge patches (RFC 7386), JSON patches (RFC 6902), and kubectl's apply."""

from copy import deepcopy
from typing import Any


class PatchInvalid(ValueError):
    """A JSON patch that cannot be carried out."""


def merged(found: Any, patch: Any) -> Any:
    """The object with a merge patch: null takes a field away."""
    if not isinstance(patch, dict):
        return deepcopy(patch)
    kept = dict(found) if isinstance(found, dict) else {}
    for key, value in patch.items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = merged(kept.get(key), value)
    return kept


def applied(before: Any, wanted: Any, found: Any) -> Any:
    """The object with what is wanted, without what was applied `before` and is wanted no more; lists are replaced."""
    if not isinstance(wanted, dict) or not isinstance(found, dict):
        return deepcopy(wanted)
    before = before if isinstance(before, dict) else {}
    kept = {key: value for key, value in found.items() if key in wanted or key not in before}
    return kept | {key: applied(before.get(key), value, found.get(key)) for key, value in wanted.items()}


def patched(found: Any, patch: Any) -> Any:
    """The object with the operations of a JSON patch, all or none. Raises `PatchInvalid`."""
    made = {"": deepcopy(found)}
    for one in patch if isinstance(patch, list) else [patch]:
        if not isinstance(one, dict) or not isinstance(one.get("path"), str):
            raise PatchInvalid(f"an operation with op and path is expected, not {str(one)[:60]!r}")
        _operate(made, one, str(one.get("op")), one["path"])
    return made[""]


def _operate(made: Any, one: dict[str, Any], verb: str, path: str) -> None:
    if verb in ("move", "copy"):
        value = _at(made, str(one.get("from")))
        if verb == "move":
            _remove(made, str(one.get("from")))
        _add(made, path, deepcopy(value))
    elif verb == "add":
        _add(made, path, one.get("value"))
    elif verb == "remove":
        _remove(made, path)
    elif verb == "replace":
        _remove(made, path)
        _add(made, path, one.get("value"))
    elif verb != "test":
        raise PatchInvalid(f"Unexpected kind: {verb}")
    elif _at(made, path) != one.get("value"):
        raise PatchInvalid(f"testing path {path} failed")


def _place(made: Any, path: str) -> tuple[Any, Any]:
    """What holds the place of a path, and its key in it; the whole object is at the empty path."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")]
    for part in parts[:-1]:
        made = _inside(made, part, path)
    if not isinstance(made, (dict, list)):
        raise PatchInvalid(f"path {path} is not there")
    return made, parts[-1]


def _inside(found: Any, part: str, path: str) -> Any:
    if isinstance(found, dict) and part in found:
        return found[part]
    if isinstance(found, list) and part.isdigit() and int(part) < len(found):
        return found[int(part)]
    raise PatchInvalid(f"path {path} is not there")


def _at(made: Any, path: str) -> Any:
    holder, key = _place(made, path)
    return _inside(holder, key, path)


def _add(made: Any, path: str, value: Any) -> None:
    holder, key = _place(made, path)
    if isinstance(holder, dict):
        holder[key] = value
    elif key == "-" or (key.isdigit() and int(key) <= len(holder)):
        holder.insert(len(holder) if key == "-" else int(key), value)
    else:
        raise PatchInvalid(f"path {path} is not there")


def _remove(made: Any, path: str) -> None:
    _at(made, path)
    holder, key = _place(made, path)
    del holder[int(key) if isinstance(holder, list) else key]
