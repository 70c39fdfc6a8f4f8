"""Values of expressions and templates, and how Go prints them."""

import json
import math
import re
from decimal import Decimal
from typing import Protocol, runtime_checkable

Value = object
RAW = re.compile(r'"\\u0000([^"]*)\\u0000"')
LARGEST_EXACT = 1 << 53


@runtime_checkable
class Written(Protocol):
    """A value of Go's that has a form of its own in JSON."""

    def as_json(self) -> object:
        """What stands for it in JSON."""


class AnyMap(dict[object, object]):
    """A map whose keys are of any kind: Go cannot write it as JSON."""


class NilList(list[object]):
    """A list that Go has not made: no items, and `null` in JSON."""

    def as_json(self) -> object:
        """`null`."""
        return None


class Worded(int):
    """A number with a word: `January` is 1."""

    word: str

    def __new__(cls, value: int, word: str) -> "Worded":
        """The number `value`, printed as `word`."""
        made = super().__new__(cls, value)
        made.word = word
        return made


class ExpressionInvalid(ValueError):
    """An expression cannot be read, or names what is not there; `place` is where in its text, until that is told."""

    def __init__(self, message: str, place: int | None = None) -> None:
        super().__init__(message)
        self.place = place


class ExpressionFailed(ExpressionInvalid):
    """An expression can be read, and not be evaluated with the values that there are."""


def compact(value: Value, indent: int | None = None) -> str:
    """JSON as Go's encoder writes it: no spaces, keys in order, `<`, `>` and `&` escaped."""
    text = raw_json(value, indent)
    if "<" in text or ">" in text or "&" in text:
        text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text


def raw_json(value: Value, indent: int | None = None) -> str:
    """JSON as `compact`, with nothing escaped. Raises `ExpressionInvalid` for what JSON has no form for."""
    separators = (",", ":") if indent is None else (",", ": ")
    try:
        text = json.dumps(_plain(value), separators=separators, ensure_ascii=False, sort_keys=True, indent=indent)
    except TypeError as error:
        raise ExpressionInvalid(f"json: unsupported type: {error}") from error
    return RAW.sub(r"\1", text) if "\\u0000" in text else text


def _plain(value: Value) -> Value:
    """A value of what Python's JSON knows; a float that Python writes otherwise than Go as its text between marks."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return _number(value)
    if type(value) is list or isinstance(value, tuple):
        return [_plain(one) for one in value]
    if type(value) is dict:
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, AnyMap):
        raise ExpressionInvalid("json: unsupported type: map[interface {}]interface {}")
    return value.as_json() if isinstance(value, Written) else value


def _number(value: float) -> Value:
    if not math.isfinite(value):
        raise ExpressionInvalid(f"{value} cannot be written as JSON")
    if value.is_integer() and abs(value) < LARGEST_EXACT and (value or math.copysign(1, value) > 0):
        return int(value)
    return value if 1e-4 <= abs(value) < 1e16 else f"\0{_digits(value, -7, 21)}\0"


def _digits(value: float, lowest: int, highest: int) -> str:
    """The shortest digits of a float; as `1e+21` where its exponent is not between the two."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    tens = len(digits) - 1 + int(exponent)
    if value == 0 or lowest < tens < highest:
        return format(Decimal(repr(value)).normalize(), "f")
    fraction = "".join(map(str, digits[1:]))
    mantissa = f"{'-' if sign else ''}{digits[0]}{f'.{fraction}' if fraction else ''}"
    return f"{mantissa}e{'-' if tens < 0 else '+'}{abs(tens)}"


def text_of(value: Value) -> str:
    """A value as Argo prints it into a template. Raises `ExpressionInvalid`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Written) and isinstance(shown := value.as_json(), str):
        return shown
    return str(int(value)) if isinstance(value, int) else compact(value)


def printed(value: Value) -> str:
    """A value as Go's `%v` prints it: `[a b]`, `map[k:v]`, `<nil>`, `1e+06`."""
    if value is None:
        return "<nil>"
    if isinstance(value, Worded):
        return value.word
    if isinstance(value, float):
        if not math.isfinite(value):
            return {"inf": "+Inf", "-inf": "-Inf"}.get(str(value), "NaN")
        return re.sub(r"(e[+-])(\d)$", r"\g<1>0\2", _digits(value, -5, 6))
    if isinstance(value, (list, tuple)):
        return f"[{' '.join(map(printed, value))}]"
    if isinstance(value, dict):
        inner = " ".join(f"{key}:{printed(one)}" for key, one in sorted(value.items(), key=lambda pair: str(pair[0])))
        return f"map[{inner}]"
    return str(value) if isinstance(value, Written) else text_of(value)


def type_name(value: Value) -> str:
    """The word for a value's type in messages."""
    names: dict[type, str] = {bool: "bool", int: "int", float: "float64", str: "string", list: "[]interface {}"}
    return "<nil>" if value is None else names.get(type(value), "map[string]interface {}")
