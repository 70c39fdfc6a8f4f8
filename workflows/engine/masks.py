"""Argo's `fields=`: the parts of an answer that a client wants, or with a leading `-` does not want."""

from workflows.engine.state import Json


class Mask:
    """`metadata.name,items.status.phase` keeps those; `-items.status.nodes` leaves those out; empty keeps all."""

    def __init__(self, text: str, prefix: str = "") -> None:
        self.without = text.startswith("-")
        self.fields = {one.strip().removeprefix(prefix) for one in text.removeprefix("-").split(",") if one.strip()}

    def keeps(self, path: str) -> bool:
        """Whether anything at or below `path` stays."""
        if not self.fields:
            return True
        if self.without:
            return path not in self.fields and not any(path.startswith(f"{one}.") for one in self.fields)
        return any(path == one or path.startswith(f"{one}.") or one.startswith(f"{path}.") for one in self.fields)

    def applied(self, value: Json) -> Json:
        """A copy of the object with only what stays."""
        found = self._applied(value, "")
        return found if isinstance(found, dict) else {}

    def _applied(self, value: object, path: str) -> object:
        if not self.fields or (path in self.fields and not self.without):
            return value
        if isinstance(value, list):
            return [self._applied(item, path) for item in value]
        if not isinstance(value, dict):
            return value
        found = {}
        for key, item in value.items():
            below = f"{path}.{key}" if path else key
            if self.keeps(below):
                found[key] = self._applied(item, below)
        return found
