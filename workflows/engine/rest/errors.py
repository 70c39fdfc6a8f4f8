"""Errors as Argo Server words them."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from atrium.errors import AtriumError
from atrium.web import unexpected
from workflows.engine.control import NotPossible
from workflows.engine.selectors import SelectorInvalid
from workflows.engine.validate import WorkflowInvalid

UNKNOWN = 2
GRPC = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 412: 9, 429: 8, 500: 13, 501: 12, 503: 14}


def refused(status: int, message: str, code: int | None = None) -> JSONResponse:
    """An error as Argo Server words it: gRPC's code beside the message."""
    return JSONResponse({"code": GRPC.get(status, UNKNOWN) if code is None else code, "message": message}, status)


def told(error: Exception) -> tuple[int, str]:
    """HTTP status and message for an error that a handler raised."""
    if isinstance(error, AtriumError):
        return error.status, str(error)
    if isinstance(error, HTTPException):
        return error.status_code, error.detail
    if isinstance(error, WorkflowInvalid):
        return 404 if error.missing else 400, str(error)
    if isinstance(error, NotPossible):
        return 500 if error.broken else 400, str(error)
    if isinstance(error, SelectorInvalid):
        return 400, str(error)
    text, reference = unexpected(error)
    return 500, f"{text} ({reference})"


def explain(_request: Request, error: Exception) -> Response:
    """The answer for an error that a handler raised."""
    return refused(*told(error))


HANDLERS = dict.fromkeys(
    (AtriumError, HTTPException, WorkflowInvalid, NotPossible, SelectorInvalid, Exception), explain
)
