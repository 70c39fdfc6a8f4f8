"""Values of expressions and templates, and how Go prints them."""

import json
import math

Value = object


class ExpressionInvalid(ValueError):
    """An expression cannot be read, or names what is not there."""


def compact(value: Value) -> str:
    """JSON as Go's encoder writes it: no spaces, keys in order, `<`, `>` and `&` escaped."""
    text = json.dumps(_whole(value), separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    if "<" in text or ">" in text or "&" in text:
        text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text


def _whole(value: Value) -> Value:
    """Floats without a fraction as whole numbers, since Go writes 1.0 as 1."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ExpressionInvalid(f"{value} cannot be written as JSON")
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    if isinstance(value, (list, tuple)):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _whole(one) for key, one in value.items()}
    return value


def text_of(value: Value) -> str:
    """A value as Argo prints it into a template."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return compact(value)
    if isinstance(value, (dict, list, tuple)):
        return compact(value)
    return str(value)


def printed(value: Value) -> str:
    """A value as Go's `%v` prints it: `[a b]`, `map[k:v]`, `<nil>`."""
    if value is None:
        return "<nil>"
    if isinstance(value, (list, tuple)):
        return f"[{' '.join(map(printed, value))}]"
    if isinstance(value, dict):
        inner = " ".join(f"{key}:{printed(one)}" for key, one in sorted(value.items(), key=lambda pair: str(pair[0])))
        return f"map[{inner}]"
    return text_of(value)


def type_name(value: Value) -> str:
    """The word for a value's type in messages."""
    names: dict[type, str] = {bool: "bool", int: "int", float: "float64", str: "string", list: "[]interface {}"}
    return "<nil>" if value is None else names.get(type(value), "map[string]interface {}")
