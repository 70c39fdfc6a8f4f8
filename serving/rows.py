"""Rows as people give them, to and from KServe v2's tensors."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from serving.models import RowsRefused

DATATYPES = {
    "string": "BYTES",
    "float": "FP32",
    "double": "FP64",
    "integer": "INT32",
    "long": "INT64",
    "boolean": "BOOL",
}
NUMPY = {
    "float32": "FP32",
    "float64": "FP64",
    "int32": "INT32",
    "int64": "INT64",
    "uint8": "UINT8",
    "object": "BYTES",
    "str": "BYTES",
}
MOST_ROWS = 4096
Row = Mapping[str, Any]


def columns_of(signature: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The inputs of an MLflow signature: `name`, `datatype` and, for tensors, `shape` without the rows."""
    found = []
    for one in signature.get("inputs", []):
        if one.get("type") == "tensor":
            spec = one["tensor-spec"]
            found.append(
                {"name": one.get("name") or "input", "datatype": NUMPY[spec["dtype"]], "shape": spec["shape"][1:]}
            )
        else:
            found.append({"name": one["name"], "datatype": DATATYPES[one["type"]], "shape": [1]})
    return found


def input_title(name: str, about: Mapping[str, Any], chinese: bool = False) -> str:
    """An input's or output's title with its unit, as the model's makers give it: `title`, `title_zh`, `unit`, `unit_zh`."""
    title = str((about.get("title_zh") if chinese else "") or about.get("title") or name.replace("_", " ").capitalize())
    unit = (about.get("unit_zh") if chinese else "") or about.get("unit")
    return (f"{title}（{unit}）" if chinese else f"{title} ({unit})") if unit else title


def input_names(about: Mapping[str, Any], chinese: bool = False) -> dict[str, str]:
    """What an input's values are called, where they are few: `names` and `names_zh` by value, else its `categories`."""
    named = {str(value): str(said) for value, said in (about.get("names") or {}).items()}
    if chinese:
        named |= {str(value): str(said) for value, said in (about.get("names_zh") or {}).items()}
    return {str(one): named.get(str(one), str(one)) for one in about.get("categories") or named}


def may_be_missing(metadata: Mapping[str, Any]) -> set[str]:
    """The inputs that a model's makers allow to be missing."""
    return {name for name, about in (metadata.get("inputs") or {}).items() if about.get("missing")}


def _value(name: str, datatype: str, value: Any, missing: bool = False) -> Any:
    if value is None and missing and datatype.startswith("FP"):
        return math.nan
    if datatype == "BYTES":
        if value is None or value == "":
            raise RowsRefused(f"input {name!r} is empty", "it is a text", "fill it in")
        return str(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise RowsRefused(f"input {name!r} is {value!r}", "it is a number", "send a number, like 12.5") from None
    return int(number) if datatype.startswith(("INT", "UINT")) else number


def to_tensors(
    signature: Mapping[str, Any], rows: Sequence[Row], missing: Collection[str] = ()
) -> list[dict[str, Any]]:
    """v2's inputs for some rows; None becomes NaN in the columns `missing`, which may be left out too.

    Raises:
        RowsRefused: no rows or too many, a column is missing or unknown, or its value has the wrong type.
    """
    columns = columns_of(signature)
    names = [column["name"] for column in columns]
    if not 1 <= len(rows) <= MOST_ROWS:
        raise RowsRefused(f"{len(rows)} rows", f"1 to {MOST_ROWS} rows are asked at once", "send fewer or more")
    for row in rows:
        if wrong := [name for name in names if name not in row and name not in missing] or [
            name for name in row if name not in names
        ]:
            raise RowsRefused(
                f"column {wrong[0]!r}", f"the model's columns are {', '.join(names)}", "send exactly these"
            )
    tensors = []
    for column in columns:
        values = [_flat(column, row.get(column["name"]), column["name"] in missing) for row in rows]
        data = [one for value in values for one in value]
        tensors.append(
            {
                "name": column["name"],
                "datatype": column["datatype"],
                "shape": [len(rows), *column["shape"]],
                "data": data,
            }
        )
    return tensors


def _flat(column: Mapping[str, Any], value: Any, missing: bool = False) -> list[Any]:
    if isinstance(value, list):
        return [number for one in value for number in _flat(column, one, missing)]
    return [_value(column["name"], column["datatype"], value, missing)]


def from_tensors(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """v2's outputs as a row each: a single value, or a list of them."""
    rows: list[dict[str, Any]] = []
    for output in answer["outputs"]:
        count = output["shape"][0]
        width = len(output["data"]) // count if count else 0
        for number in range(count):
            values = output["data"][number * width : (number + 1) * width]
            if len(rows) <= number:
                rows.append({})
            rows[number][output["name"]] = values[0] if width == 1 else values
    return rows


def example_rows(example: Mapping[str, Any], limit: int = 5) -> list[dict[str, Any]]:
    """Rows of an MLflow input example, as it is saved (`columns` and `data`, or `inputs`)."""
    if "columns" in example:
        return [dict(zip(example["columns"], row, strict=True)) for row in example["data"][:limit]]
    inputs = example.get("inputs", example)
    if isinstance(inputs, dict):
        names = list(inputs)
        return [dict(zip(names, values, strict=True)) for values in zip(*inputs.values(), strict=True)][:limit]
    return [{"input": row} for row in inputs[:limit]]
