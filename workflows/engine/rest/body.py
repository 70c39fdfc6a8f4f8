"""What clients send: JSON of a bounded size."""

import json
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from workflows.engine.state import Json
from workflows.engine.validate import WorkflowInvalid

LARGEST_BYTES = 32 * 2**20
LARGE_BYTES = 64 * 2**10
T = TypeVar("T")


async def read_body(request: Request) -> Json:
    """The JSON object in a request's body; empty for none.

    Raises:
        WorkflowInvalid: it is no JSON object. HTTPException: more than 32 MiB.
    """
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > LARGEST_BYTES:
            raise HTTPException(
                413, f"a body of more than {LARGEST_BYTES} bytes; move data out of parameters and into artifacts"
            )
    if not content.strip():
        return {}
    request.state.size = len(content)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise WorkflowInvalid(f"the body is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise WorkflowInvalid(f"json: cannot unmarshal {type(found).__name__} into Go value of type object")
    return found


async def worked(request: Request, work: Callable[[], T]) -> T:
    """Does the work of a request; that of a large one beside the event loop, so that others are answered meanwhile."""
    if getattr(request.state, "size", 0) > LARGE_BYTES:
        return await run_in_threadpool(work)
    return work()


def part(body: Json, name: str) -> Json:
    """An object inside a body, empty where it is not there. Raises `WorkflowInvalid`."""
    found = body.get(name)
    if found is not None and not isinstance(found, dict):
        raise WorkflowInvalid(
            f"json: cannot unmarshal {type(found).__name__} into Go struct field {name} of type object"
        )
    return found or {}


def texts(value: object, name: str) -> list[str]:
    """A list of texts that a client sent, or none. Raises `WorkflowInvalid`."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise WorkflowInvalid(f"{name} is a list of texts")
    return value
