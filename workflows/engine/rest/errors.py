"""Errors as Argo Server words them."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from atrium.errors import AtriumError
from atrium.web import unexpected
from workflows.engine.control import NotPossible
from workflows.engine.submit import WorkflowInvalid

GRPC = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 412: 9, 500: 13, 503: 14}


def refused(status: int, message: str) -> JSONResponse:
    """An error as Argo Server words it."""
    return JSONResponse({"code": GRPC.get(status, 2), "message": message}, status)


def explain(_request: Request, error: Exception) -> Response:
    """The answer for an error that a handler raised."""
    if isinstance(error, AtriumError):
        return refused(error.status, str(error))
    if isinstance(error, HTTPException):
        return refused(error.status_code, error.detail)
    if isinstance(error, (WorkflowInvalid, NotPossible)):
        return refused(400, str(error))
    told, reference = unexpected(error)
    return refused(500, f"{told} ({reference})")


HANDLERS = dict.fromkeys((AtriumError, HTTPException, WorkflowInvalid, NotPossible, Exception), explain)
