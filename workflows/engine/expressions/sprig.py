"""Sprig's functions, without those that read the environment: numbers, lists, maps, dates, paths; texts are in `sprig_texts`."""

import base64
import inspect
import json
import math
import posixpath
import random
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from workflows.engine.expressions.moments import Duration, Moment, current, go_format, go_parse, seconds_of
from workflows.engine.expressions.sprig_texts import TEXTS
from workflows.engine.expressions.values import ExpressionInvalid, NilList, Value, compact, raw_json, type_name

LONGEST_LIST = 1_000_000


def whole(value: Any) -> int:
    """A whole number as sprig reads one: 0 for what is none."""
    if isinstance(value, bool):
        return int(value)
    try:
        return math.trunc(value) if isinstance(value, (int, float)) else _read(str(value))
    except ValueError:
        try:
            return int(float(value))
        except (ValueError, TypeError, OverflowError):
            return 0


def _read(text: str) -> int:
    """A whole number in the base that its beginning names: `0x1F`, `0b11`, `017`. Raises `ValueError`."""
    return int(text, 8) if re.fullmatch(r"[+-]?0\d+", text) else int(text, 0)


def real(value: Any) -> float:
    """A number as sprig reads one: 0 for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _empty(value: Any) -> bool:
    return value is None or value is False or value == 0 or (isinstance(value, (str, list, dict)) and not value)


def _product(first: Any, *more: Any) -> int:
    return math.prod(whole(one) for one in (first, *more))


def _decimal(compute: Callable[[Decimal, Decimal], Decimal], start: str) -> Callable[..., float]:
    """A computation without the errors of binary fractions."""

    def run(*values: Any) -> float:
        total = Decimal(start)
        for one in values:
            total = compute(total, Decimal(repr(real(one))))
        return float(total)

    return run


def _less(first: Any, *more: Any) -> float:
    return float(Decimal(repr(real(first))) - sum(Decimal(repr(real(one))) for one in more))


def _octal(value: Any) -> int:
    try:
        return int(str(value), 8)
    except ValueError:
        return 0


def _div(left: Any, right: Any) -> int:
    if whole(right) == 0:
        raise ExpressionInvalid("integer divide by zero")
    return math.trunc(whole(left) / whole(right))


def _mod(left: Any, right: Any) -> int:
    if whole(right) == 0:
        raise ExpressionInvalid("integer divide by zero")
    return int(math.fmod(whole(left), whole(right)))


def _steps(start: Any, stop: Any, step: Any) -> list[int]:
    a, b, by = whole(start), whole(stop), whole(step)
    if by == 0 or (b - a) / by < 0:
        return []
    if (b - a) / by > LONGEST_LIST:
        raise ExpressionInvalid(f"a list of more than {LONGEST_LIST} numbers")
    return list(range(a, b, by))


def _until(count: Any) -> list[int]:
    return _steps(0, count, 1 if whole(count) >= 0 else -1)


def _sequence(*given: Any) -> str:
    numbers = [whole(one) for one in given]
    if not numbers:
        return ""
    start, end = (numbers[0], numbers[-1]) if len(numbers) > 1 else (1, numbers[0])
    by = numbers[1] if len(numbers) == 3 else 1 if end >= start else -1
    return " ".join(str(one) for one in _steps(start, end + (1 if by > 0 else -1), by))


def _rounded(value: Any, places: int, half: float = 0.5) -> float:
    scaled = real(value) * math.pow(10, places)
    part = abs(math.modf(scaled)[0])
    return math.copysign(math.ceil(abs(scaled)) if part >= half else math.floor(abs(scaled)), scaled) / math.pow(
        10, places
    )


def _default(instead: Value, *given: Value) -> Value:
    return instead if not given or _empty(given[0]) else given[0]


def _coalesce(*values: Value) -> Value:
    return next((one for one in values if not _empty(one)), None)


def _ternary(yes: Value, no: Value, test: Value) -> Value:
    if not isinstance(test, bool):
        raise ExpressionInvalid(f"ternary asks a bool, not {type_name(test)}")
    return yes if test else no


def _parsed(text: Any) -> Value:
    try:
        found: Value = json.loads(str(text), parse_int=float)
    except ValueError:
        return None
    return found


def _strictly_parsed(text: Any) -> Value:
    found: Value = json.loads(str(text), parse_int=float)
    return found


def _listed(value: Any) -> list[Any]:
    """A list. Raises `ExpressionInvalid` for anything else."""
    if not isinstance(value, list):
        raise ExpressionInvalid(f"cannot take the items of type {type_name(value)}")
    return value


def _cut(items: Any, start: Any = 0, end: Any = None) -> Value:
    count = len(_listed(items))
    first, last = whole(start), count if end is None else whole(end)
    if not 0 <= first <= last <= count:
        raise ExpressionInvalid(f"slice bounds out of range [{first}:{last}] of {count} items")
    return items[first:last]


def _same(left: Any, right: Any) -> bool:
    """Whether two values and all in them are of one type and equal."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)


def _unique(items: list[Value]) -> list[Value]:
    found: list[Value] = []
    for one in items:
        if not any(type(one) is type(other) and one == other for other in found):
            found.append(one)
    return found


def _dict(*given: Value) -> dict[str, Value]:
    pairs = [*given, ""] if len(given) % 2 else list(given)
    return {str(pairs[place]): pairs[place + 1] for place in range(0, len(pairs), 2)}


def _merged(*tables: dict[str, Any], over: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for table in tables:
        for key, value in table.items():
            if isinstance(value, dict) and isinstance(found.get(key), dict):
                found[key] = _merged(found[key], value, over=over)
            elif over or key not in found:
                found[key] = value
    return found


def _dug(*given: Any) -> Value:
    *path, instead, table = given
    for key in path:
        if not isinstance(table, dict):
            raise ExpressionInvalid(f"dig: a map is wanted at {key}, not {type_name(table)}")
        if key not in table:
            return instead
        table = table[key]
    return table


def _chunks(size: int, items: list[Value]) -> list[list[Value]]:
    return [items[place : place + size] for place in range(0, len(_listed(items)), size)]


def _kind(value: Value) -> str:
    names: dict[type, str] = {bool: "bool", int: "int", float: "float64", str: "string", list: "slice", dict: "map"}
    return "invalid" if value is None else names.get(type(value), "struct")


def _fail(text: str) -> Value:
    raise ExpressionInvalid(text)


def _moment(value: Any) -> datetime:
    if isinstance(value, Moment):
        return value.at
    return datetime.fromtimestamp(value, UTC) if isinstance(value, (int, float)) else current().at


def _in_zone(layout: str, value: Any, zone: str) -> str:
    try:
        return go_format(_moment(value).astimezone(ZoneInfo(zone or "UTC")), layout)
    except (KeyError, ValueError):
        return go_format(_moment(value).astimezone(UTC), layout)


def _moved(span: str, value: Any) -> Moment:
    return Moment(_moment(value) + timedelta(seconds=seconds_of(span)))


def _spanned(value: Any) -> str:
    return str(Duration(float(whole(value) if isinstance(value, str) else 0)))


def _rounded_span(value: Any) -> str:
    seconds = abs(seconds_of(value) if isinstance(value, str) else (current().at - _moment(value)).total_seconds())
    for unit, size in (("y", 31536000), ("mo", 2592000), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds > size:
            return f"{int(seconds // size)}{unit}"
    return "0s"


def _date(layout: str, text: str) -> Moment:
    try:
        return Moment(go_parse(text, layout))
    except ExpressionInvalid:
        return Moment(datetime.min.replace(tzinfo=UTC))


def _clean(path: str) -> str:
    return re.sub("^//", "/", posixpath.normpath(path or "."))


def _url(text: str) -> dict[str, str]:
    if re.match(r"[^/?#]*:", text) and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text):
        raise ExpressionInvalid(f"unable to parse url: parse {json.dumps(text)}: missing protocol scheme")
    parts = urlsplit(text)
    user = parts.netloc.rpartition("@")[0]
    return {"scheme": parts.scheme, "host": parts.netloc.rpartition("@")[2], "hostname": parts.hostname or "", "path": parts.path,
            "query": parts.query, "opaque": "", "fragment": parts.fragment, "userinfo": user}  # fmt: skip


def _url_of(parts: dict[str, Any]) -> str:
    user = f"{parts['userinfo']}@" if parts.get("userinfo") else ""
    made: str = urlunsplit(
        (
            parts.get("scheme", ""),
            user + parts.get("host", ""),
            parts.get("path", ""),
            parts.get("query", ""),
            parts.get("fragment", ""),
        )
    )
    return made


def _cipher(password: str, vector: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES256(password.encode()[:32].ljust(32, b"\0")), modes.CBC(vector))


def _encrypted(password: str, text: str) -> str:
    """AES-256-CBC with a fresh vector before it, in base64, as sprig writes it."""
    vector, padder = secrets.token_bytes(16), padding.PKCS7(128).padder()
    encryptor = _cipher(password, vector).encryptor()
    padded = padder.update(text.encode()) + padder.finalize()
    return base64.b64encode(vector + encryptor.update(padded) + encryptor.finalize()).decode()


def _decrypted(password: str, text: str) -> str:
    try:
        given = base64.b64decode(text, validate=True)
        decryptor, unpadder = _cipher(password, given[:16]).decryptor(), padding.PKCS7(128).unpadder()
        padded = decryptor.update(given[16:]) + decryptor.finalize()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError as error:
        raise ExpressionInvalid(f"decryptAES: {error}") from error


NUMBERS: dict[str, Callable[..., Value]] = {
    "atoi": whole, "int": whole, "int64": whole, "float64": real, "toDecimal": _octal,
    "add": lambda *values: sum(map(whole, values)), "add1": lambda value: whole(value) + 1,
    "sub": lambda a, b: whole(a) - whole(b), "mul": _product, "div": _div, "mod": _mod,
    "addf": _decimal(Decimal.__add__, "0"), "add1f": lambda value: real(value) + 1,
    "subf": _less, "mulf": _decimal(Decimal.__mul__, "1"),
    "divf": lambda first, *rest: real(first) / math.prod(map(real, rest)),
    "max": lambda *values: max(map(whole, values)), "min": lambda *values: min(map(whole, values)),
    "biggest": lambda *values: max(map(whole, values)), "maxf": lambda *values: max(map(real, values)),
    "minf": lambda *values: min(map(real, values)), "ceil": lambda value: float(math.ceil(real(value))),
    "floor": lambda value: float(math.floor(real(value))), "round": _rounded, "until": _until, "untilStep": _steps,
    "seq": _sequence, "randInt": lambda low, high: random.randrange(whole(low), whole(high)),  # noqa: S311  no secret
}  # fmt: skip
LOGIC: dict[str, Callable[..., Value]] = {
    "default": _default, "empty": _empty, "coalesce": _coalesce, "ternary": _ternary, "fail": _fail,
    "all": lambda *values: not any(map(_empty, values)), "any": lambda *values: not all(map(_empty, values)),
    "toJson": compact, "toRawJson": raw_json,
    "toPrettyJson": lambda value: compact(value, indent=2), "mustFromJson": _strictly_parsed, "fromJson": _parsed,
    "kindOf": _kind, "kindIs": lambda kind, value: _kind(value) == kind,
    "typeOf": type_name, "typeIs": lambda kind, value: type_name(value) == kind,
    "typeIsLike": lambda kind, value: type_name(value) in (kind, f"*{kind}"), "deepEqual": _same,
}  # fmt: skip
LISTS: dict[str, Callable[..., Value]] = {
    "list": lambda *items: list(items), "tuple": lambda *items: list(items),
    "first": lambda items: items[0] if _listed(items) else None, "last": lambda items: items[-1] if _listed(items) else None,
    "rest": lambda items: items[1:] if _listed(items) else NilList(),
    "initial": lambda items: items[:-1] if _listed(items) else NilList(), "reverse": lambda items: _listed(items)[::-1],
    "uniq": _unique, "without": lambda items, *gone: [one for one in _listed(items) if one not in gone],
    "has": lambda item, items: items is not None and any(_same(item, one) for one in _listed(items)), "slice": _cut,
    "concat": lambda *lists: [one for items in lists for one in _listed(items)], "chunk": _chunks,
    "compact": lambda items: [one for one in items if not _empty(one)], "append": lambda items, one: [*_listed(items), one],
    "push": lambda items, one: [*_listed(items), one], "prepend": lambda items, one: [one, *_listed(items)],
    "dict": _dict, "get": lambda table, key: table.get(key, ""), "hasKey": lambda table, key: key in table,
    "set": lambda table, key, value: {**table, key: value},
    "unset": lambda table, gone: {key: value for key, value in table.items() if key != gone},
    "pluck": lambda key, *tables: [table[key] for table in tables if key in table],
    "keys": lambda *tables: [key for table in tables for key in sorted(table)],
    "values": lambda table: [table[key] for key in sorted(table)],
    "pick": lambda table, *wanted: {key: table[key] for key in wanted if key in table},
    "omit": lambda table, *gone: {key: value for key, value in table.items() if key not in gone},
    "merge": _merged, "mergeOverwrite": lambda *tables: _merged(*tables, over=True), "dig": _dug,
    "deepCopy": lambda value: json.loads(compact(value)),
}  # fmt: skip
PLACES: dict[str, Callable[..., Value]] = {
    "base": lambda path: posixpath.basename(path.rstrip("/")) or ("/" if path else "."), "dir": lambda path: posixpath.dirname(path) or ".",
    "clean": _clean, "ext": lambda path: posixpath.splitext(path)[1], "isAbs": posixpath.isabs, "urlParse": _url, "urlJoin": _url_of,
}  # fmt: skip
PLACES |= {f"os{name[0].upper()}{name[1:]}": PLACES[name] for name in ("base", "dir", "clean", "ext", "isAbs")}
DATES: dict[str, Callable[..., Value]] = {
    "now": current, "date": lambda layout, value: _in_zone(layout, value, "UTC"), "dateInZone": _in_zone, "date_in_zone": _in_zone,
    "htmlDate": lambda value: _in_zone("2006-01-02", value, "UTC"), "dateModify": _moved, "date_modify": _moved,
    "unixEpoch": lambda value: str(int(_moment(value).timestamp())), "duration": _spanned, "durationRound": _rounded_span,
    "ago": lambda value: str(Duration(float(round((current().at - _moment(value)).total_seconds())))),
    "toDate": _date, "htmlDateInZone": lambda value, zone: _in_zone("2006-01-02", value, zone), 
    "mustToDate": lambda layout, text: Moment(go_parse(text, layout)),
}  # fmt: skip
SECRETS: dict[str, Callable[..., Value]] = {"encryptAES": _encrypted, "decryptAES": _decrypted}
ALL: dict[str, Callable[..., Value]] = {**TEXTS, **NUMBERS, **LOGIC, **LISTS, **PLACES, **DATES, **SECRETS}
ELSEWHERE = (
    "bcrypt", "htpasswd", "derivePassword", "genPrivateKey", "buildCustomCert", "genCA", "genCAWithKey", "genSelfSignedCert",
    "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "getHostByName",
)  # fmt: skip


def _elsewhere(name: str) -> Callable[..., Value]:
    def refuse(*_given: Value) -> Value:
        raise ExpressionInvalid(
            f"sprig.{name} would hold up every workflow of this server: make keys, hashes and look-ups in a step"
        )

    return refuse


ALL |= {name: _elsewhere(name) for name in ELSEWHERE}
STRICT = (
    "toJson", "toPrettyJson", "toRawJson", "append", "push", "prepend", "first", "rest", "last", "initial", "reverse", "uniq", "without",
    "has", "slice", "chunk", "compact", "merge", "mergeOverwrite", "deepCopy", "regexFind", "regexFindAll", "regexReplaceAll",
    "regexReplaceAllLiteral", "regexSplit", "dateModify",
)  # fmt: skip
ALL |= {f"must{name[0].upper()}{name[1:]}": ALL[name] for name in STRICT} | {"must_date_modify": ALL["dateModify"]}


def _as_go_calls(name: str, function: Callable[..., Value]) -> Callable[..., Value]:
    """A function as Go calls it: nil is an empty text where one is wanted, and cannot stand among what a list of arguments takes."""
    kinds = [one.kind for one in inspect.signature(function).parameters.values()]
    named = len(kinds) if inspect.Parameter.VAR_POSITIONAL in kinds else None
    takes_texts = name in TEXTS and named is None and name not in ("toString", "toStrings", "join", "sortAlpha")

    def run(*given: Value) -> Value:
        if named is not None and None in given[named:]:
            raise ExpressionInvalid("reflect: Func index out of bounds")
        return function(*["" if one is None else one for one in given] if takes_texts else given)

    return run


SPRIG: dict[str, Value] = {name: _as_go_calls(name, function) for name, function in ALL.items()}
