"""Sprig's functions of texts. Arguments stand as in Go templates: the text comes last."""

import base64
import binascii
import hashlib
import re
import secrets
import string
import textwrap
import uuid
import zlib
from collections.abc import Callable
from typing import Any

from workflows.engine.expressions import patterns
from workflows.engine.expressions.values import ExpressionInvalid, NilList, Value, printed
from workflows.engine.expressions.versions import Version, meets

LONGEST_TEXT = 1_000_000


def _chars(alphabet: str) -> Callable[[int], str]:
    return lambda count: "".join(secrets.choice(alphabet) for _ in range(min(int(count), LONGEST_TEXT)))


def _trunc(count: int, text: str) -> str:
    return text[count:] if count < 0 else text[:count]


def _abbreviated(width: int, text: str) -> str:
    return text if width < 4 or len(text) <= width else text[: width - 3] + "..."


def _abbreviated_both(left: int, right: int, text: str) -> str:
    """A part of a text from `left`, at most `right` characters, with dots for what is left out."""
    if right < 4 or (left > 0 and right < 7) or len(text) <= right:
        return text
    start = min(left, len(text))
    if len(text) - start < right - 3:
        start = len(text) - (right - 3)
    if start <= 4:
        return text[: right - 3] + "..."
    if start + right - 3 < len(text):
        return "..." + _abbreviated(right - 3, text[start:])
    return "..." + text[len(text) - (right - 3) :]


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+\d*|[A-Z]+\d*|\d+", text)


def _camel(text: str) -> str:
    parts = [re.sub(r"[A-Z]+", _lowered, part) for part in re.split(r"[_\-\s.]+", text) if part]
    return "".join(part[:1].upper() + part[1:] for part in parts)


def _lowered(run: re.Match[str]) -> str:
    return run[0][:1] + run[0][1:].lower()


def _dollar(pattern: str) -> str:
    """Go's `${1}` and `$1` as Python writes them."""
    return re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", pattern.replace("\\", "\\\\"))


def _split_by(pattern: str, text: str, most: int) -> list[str]:
    return [] if most == 0 else patterns.divided(pattern, text, most)


def _split(separator: str, text: str) -> dict[str, str]:
    return {f"_{place}": part for place, part in enumerate(text.split(separator))}


def _indented(count: int, text: str) -> str:
    return " " * count + text.replace("\n", "\n" + " " * count)


def _repeated(count: int, text: str) -> str:
    if count * len(text) > LONGEST_TEXT:
        raise ExpressionInvalid(f"sprig.repeat: a text of {count * len(text)} characters is too long")
    return text * count


def _joined(separator: str, items: Any) -> str:
    return separator.join(_strings(items))


def _strings(items: Any) -> list[str]:
    return [printed(one) for one in (items if isinstance(items, list) else [items]) if one is not None]


def _wrapped(width: int, end: str, text: str, anywhere: bool = True) -> str:
    return end.join(textwrap.wrap(text, width, break_long_words=anywhere, break_on_hyphens=False))


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`" else text


def _quoted(*values: Value) -> str:
    return " ".join(
        '"' + printed(one).replace("\\", "\\\\").replace('"', '\\"') + '"' for one in values if one is not None
    )


def _from_base64(text: str) -> str:
    """The text that was encoded, or what Go says is wrong with it."""
    try:
        return base64.b64decode(text, validate=True).decode(errors="replace")
    except binascii.Error:
        good = len(re.match(r"[A-Za-z0-9+/]*", text)[0])  # type: ignore[index]  # it matches any text
        return f"illegal base64 data at input byte {good if good < len(text.rstrip('=')) else good // 4 * 4}"


def _from_base32(text: str) -> str:
    try:
        return base64.b32decode(text).decode(errors="replace")
    except binascii.Error as error:
        return str(error)


def _ask_pattern(pattern: str, text: str) -> bool:
    try:
        return patterns.matches(pattern, text)
    except ExpressionInvalid:
        return False


def _any_has(test: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    return lambda part, text: test(text, part)


def _plural(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


def _nospace(text: str) -> str:
    return "".join(text.split())


def _replace(old: str, new: str, text: str) -> str:
    return text.replace(old, new)


def _cat(*values: Value) -> str:
    return " ".join(printed(one) for one in values if one is not None)


def _hash(name: str) -> Callable[[str], str]:
    return lambda text: hashlib.new(name, text.encode()).hexdigest()


def _sorted_texts(items: Any) -> list[str]:
    return sorted(_strings(items))


TEXTS: dict[str, Callable[..., Value]] = {
    "trim": lambda text: text.strip(),
    "trimAll": lambda marks, text: text.strip(marks),
    "trimall": lambda marks, text: text.strip(marks),
    "trimPrefix": lambda part, text: text.removeprefix(part),
    "trimSuffix": lambda part, text: text.removesuffix(part),
    "upper": lambda text: text.upper(),
    "lower": lambda text: text.lower(),
    "title": lambda text: re.sub(r"\b\w", lambda found: found[0].upper(), text),
    "untitle": lambda text: re.sub(r"\b\w", lambda found: found[0].lower(), text),
    "repeat": _repeated,
    "substr": lambda start, end, text: text[max(start, 0) : end if 0 <= end <= len(text) else len(text)],
    "nospace": _nospace,
    "trunc": _trunc,
    "abbrev": _abbreviated,
    "abbrevboth": _abbreviated_both,
    "hello": lambda: "Hello!",
    "initials": lambda text: "".join(word[0] for word in text.split()),
    "wrap": lambda width, text: _wrapped(width, "\n", text, anywhere=False),
    "wrapWith": lambda width, end, text: _wrapped(width, end, text),
    "contains": _any_has(lambda text, part: part in text),
    "hasPrefix": _any_has(str.startswith),
    "hasSuffix": _any_has(str.endswith),
    "quote": _quoted,
    "squote": lambda *values: " ".join(f"'{printed(one)}'" for one in values if one is not None),
    "cat": _cat,
    "indent": _indented,
    "nindent": lambda count, text: "\n" + _indented(count, text),
    "replace": _replace,
    "plural": _plural,
    "snakecase": lambda text: "_".join(_words(text)).lower(),
    "camelcase": _camel,
    "kebabcase": lambda text: "-".join(_words(text)).lower(),
    "swapcase": lambda text: text.swapcase(),
    "shuffle": lambda text: "".join(secrets.SystemRandom().sample(text, len(text))),
    "regexMatch": _ask_pattern,
    "mustRegexMatch": patterns.matches,
    "regexFind": lambda pattern, text: patterns.found(pattern, text) or "",
    "regexFindAll": lambda pattern, text, most: patterns.all_found(pattern, text, most) or NilList(),
    "regexReplaceAll": lambda pattern, text, new: patterns.replaced(pattern, _dollar(new), text),
    "regexReplaceAllLiteral": lambda pattern, text, new: patterns.replaced(pattern, lambda _: new, text),
    "regexSplit": _split_by,
    "regexQuoteMeta": lambda text: re.escape(text),
    "toString": printed,
    "toStrings": _strings,
    "join": _joined,
    "split": _split,
    "splitList": lambda separator, text: list(text) if separator == "" else text.split(separator),
    "splitn": lambda separator, most, text: {
        f"_{place}": part for place, part in enumerate(text.split(separator, max(most - 1, 0)))
    },
    "sortAlpha": _sorted_texts,
    "randAlphaNum": _chars(string.ascii_letters + string.digits),
    "randAlpha": _chars(string.ascii_letters),
    "randNumeric": _chars(string.digits),
    "randAscii": _chars(string.printable[:95]),
    "b64enc": lambda text: base64.b64encode(text.encode()).decode(),
    "b64dec": _from_base64,
    "b32enc": lambda text: base64.b32encode(text.encode()).decode(),
    "b32dec": _from_base32,
    "sha1sum": _hash("sha1"),
    "sha256sum": _hash("sha256"),
    "sha512sum": _hash("sha512"),
    "adler32sum": lambda text: str(zlib.adler32(text.encode())),
    "uuidv4": lambda: str(uuid.uuid4()),
    "unquote": _unquoted,
    "randBytes": lambda count: base64.b64encode(secrets.token_bytes(min(int(count), LONGEST_TEXT))).decode(),
    "semver": Version.read,
    "semverCompare": meets,
}
