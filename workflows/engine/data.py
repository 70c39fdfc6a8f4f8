"""Data templates: keys of artifacts listed and transformed by expressions. Nothing of a user's runs for them."""

from workflows.engine.expressions import ExpressionInvalid, Value, compact, evaluate
from workflows.engine.pods import Place
from workflows.engine.state import FAILED, SUCCEEDED, Json

REFUSED = "main: Error (exit code 64): unable to process data template: {}"


class DataInvalid(ValueError):
    """A source or a transformation of a data template is wrong; the text is Argo's."""


def run_data(place: Place, work: Json, listed: Json | None = None) -> tuple[str, str, Json]:
    """Phase, message and outputs of a data template: `result` is the transformed list as JSON.

    `listed` is what an S3 elsewhere answered: `keys`, or `error`.
    """
    try:
        keys = _sourced(place, work["data"]) if listed is None else _answered(listed)
        found = _transformed(keys, work["data"].get("transformation") or [])
    except DataInvalid as error:
        return FAILED, REFUSED.format(error), {"exitCode": "64"}
    return SUCCEEDED, "", {"exitCode": "0", "result": compact(found)}


def _answered(listed: Json) -> Value:
    if "error" in listed:
        told = f"failed to list directory: {listed['error']}"
        raise DataInvalid(f"unable to process data source: unable to source artifact paths: {told}")
    keys: Value = listed["keys"]
    return keys


def _sourced(place: Place, data: Json) -> Value:
    """Keys of the project's artifacts below the key that the source names. Raises `DataInvalid`."""
    wanted = (data.get("source") or {}).get("artifactPaths")
    if not wanted:
        raise DataInvalid("no data source used, use artifactPaths")
    source = wanted.get("s3") or {}
    if source.get("bucket"):  # the store of this machine is one, without buckets
        told = "failed to list directory: The specified bucket does not exist"
        raise DataInvalid(f"unable to process data source: unable to source artifact paths: {told}")
    return place.artifacts.listed(str(source.get("key") or ""))


def _transformed(value: Value, steps: list[Json]) -> Value:
    for step in steps:
        try:
            value = evaluate(str(step["expression"]), {"data": value})
        except ExpressionInvalid as error:
            raise DataInvalid(
                f"unable to process data transformation: unable to process data with expression: {error}"
            ) from error
    return value
