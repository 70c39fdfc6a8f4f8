"""What the code says in its errors: every text as a template, in which `{1}`, `{2}` stand for the values of an f-string."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from support import CHECKOUT

AREAS = ("app", "atrium", "tenancy", "workflows", "feature_store", "model_registry", "serving", "monitoring")
# what functions give to errors made elsewhere, and reasons that are kept and shown on pages
TOLD_LATER = {
    "workflows/slots.py": ("_first_state", "_in_the_way", "start_slot"), "workflows/manifests.py": ("in_plain_words", "quoting"),
}  # fmt: skip
WORD = re.compile(r"[A-Za-z]{3}")


@lru_cache
def _trees() -> dict[Path, ast.Module]:
    files = [path for area in AREAS for path in (CHECKOUT / area).rglob("*.py")]
    return {path: ast.parse(path.read_text()) for path in files}


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


@lru_cache
def error_classes() -> frozenset[str]:
    """Names of `AtriumError` and of every class below it."""
    classes = [one for tree in _trees().values() for one in ast.walk(tree) if isinstance(one, ast.ClassDef)]
    known: set[str] = {"AtriumError"}
    while True:
        more = {one.name for one in classes if any(_name(base) in known for base in one.bases)} - known
        if not more:
            return frozenset(known)
        known |= more


def template(node: ast.expr) -> str:
    """The text of a literal, `{1}` for its first value and so on; empty for anything else, or where it holds no word."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text, fixed = node.value, node.value
    elif isinstance(node, ast.JoinedStr):
        pieces, number = [], 0
        for one in node.values:
            if isinstance(one, ast.Constant):
                pieces.append(str(one.value))
            else:
                number += 1
                pieces.append(f"{{{number}}}")
        text, fixed = "".join(pieces), re.sub(r"\{\d+\}", "", "".join(pieces))
    else:
        return ""
    told = WORD.search(fixed) and " " in text.strip() and not text.endswith(" ")  # a whole text, no name and no piece
    return text if told or text.endswith(":") else ""


def _literals(node: ast.AST) -> Iterator[str]:
    """Every template in an expression; within f-strings those of their parts too, which are whole texts of a choice."""
    skipped: set[int] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.JoinedStr):
            skipped |= {id(part) for part in one.values}
            skipped |= {
                id(part) for value in one.values if isinstance(value, ast.FormattedValue) and value.format_spec
                for part in ast.walk(value.format_spec)
            }  # fmt: skip
    for one in ast.walk(node):
        if isinstance(one, (ast.Constant, ast.JoinedStr)) and id(one) not in skipped and (found := template(one)):
            yield found


def _raised(function: ast.AST) -> Iterator[ast.expr]:
    """What a function gives to errors; a variable stands for everything that the function assigns to it."""
    given = [
        argument for one in ast.walk(function) if isinstance(one, ast.Call) and _makes_error(one) for argument in one.args
    ]  # fmt: skip
    names = {one.id for argument in given for one in ast.walk(argument) if isinstance(one, ast.Name)}
    for one in ast.walk(function):
        if isinstance(one, ast.Assign) and any(_name(target) in names for target in one.targets):
            yield one.value
    yield from given


def _makes_error(call: ast.Call) -> bool:
    return _name(call.func) in error_classes()


def _of_classes(tree: ast.Module) -> Iterator[ast.expr]:
    """What error classes say of themselves, in `super().__init__(…)`."""
    for one in ast.walk(tree):
        if isinstance(one, ast.ClassDef) and one.name in error_classes():
            for call in ast.walk(one) if one.name != "AtriumError" else ():
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "__init__":
                    yield from call.args


@lru_cache
def messages() -> frozenset[str]:
    """Every text that an error of the platform says, as templates."""
    found: set[str] = set()
    for path, tree in _trees().items():
        kept = TOLD_LATER.get(str(path.relative_to(CHECKOUT)), ())
        said = list(_of_classes(tree))
        for function in ast.walk(tree):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                said += _raised(function)
                if function.name in kept:
                    said += [one.value for one in ast.walk(function) if isinstance(one, ast.Return) and one.value]
                    said += [
                        argument
                        for one in ast.walk(function)
                        if isinstance(one, ast.Call) and _name(one.func) == "_note"
                        for argument in one.args
                    ]
        for one in said:
            found |= set(_literals(one))
    return frozenset(found)
