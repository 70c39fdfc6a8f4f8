"""The languages of Argo's templates: expr (`{{=…}}`, `expression`, `depends`) and govaluate (`when`). Parsed, never `eval`ed.

Sources: Argo Workflows' field reference and docs/variables; expr-lang's language definition; govaluate; sprig.
"""

from collections.abc import Mapping

from workflows.engine.expressions import tree
from workflows.engine.expressions.conditions import holds
from workflows.engine.expressions.evaluation import Evaluator, named
from workflows.engine.expressions.gojson import go_json_error
from workflows.engine.expressions.kinds import compiled
from workflows.engine.expressions.tokens import pointed
from workflows.engine.expressions.values import (
    ExpressionFailed,
    ExpressionInvalid,
    Value,
    compact,
    printed,
    text_of,
    type_name,
)

__all__ = [
    "ExpressionFailed",
    "ExpressionInvalid",
    "Value",
    "compact",
    "evaluate",
    "go_json_error",
    "holds",
    "names_in",
    "printed",
    "text_of",
    "truth",
    "type_name",
]


def evaluate(text: str, names: Mapping[str, Value]) -> Value:
    """The value of an expr expression; `names` holds dotted names.

    Raises:
        ExpressionInvalid: it cannot be read, or names what is not there.
    """
    try:
        node, needed = compiled(text)
        evaluator = Evaluator(names).checked(needed)
    except ExpressionInvalid as error:
        raise ExpressionInvalid(_located(error, text)) from error
    except RecursionError:
        raise ExpressionInvalid(f"{text[:60]!r} is nested too deep") from None
    try:
        return evaluator.value(node)
    except ExpressionInvalid as error:
        raise ExpressionFailed(_located(error, text)) from error
    except RecursionError:
        raise ExpressionFailed(f"{text[:60]!r} is nested too deep") from None


def _located(error: ExpressionInvalid, text: str) -> str:
    return str(error) if error.place is None else f"{error} {pointed(text, error.place)}"


def truth(text: str, names: Mapping[str, Value]) -> bool:
    """The value of an expression that must be true or false. Raises `ExpressionInvalid`."""
    try:
        value = evaluate(text, names)
    except ExpressionFailed as error:
        raise ExpressionFailed(f"unable to evaluate expression '{text}': {error}") from error
    if not isinstance(value, bool):
        raise ExpressionInvalid(f"unable to cast expression result '{_as_text(value)}' to bool")
    return value


def _as_text(value: Value) -> str:
    """A value as Go prints it where a text is asked for."""
    if value is None:
        return "%!s(<nil>)"
    if isinstance(value, (int, float)):
        return f"%!s({'int' if isinstance(value, int) else 'float64'}={printed(value)})"
    return printed(value)


def names_in(text: str) -> set[str]:
    """The dotted names that an expression reads. Raises `ExpressionInvalid`."""
    return set(named(tree.parsed(text)))
