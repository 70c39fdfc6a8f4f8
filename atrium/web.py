"""What our REST-speaking processes share: identity of a request, errors in one shape."""

import logging
import secrets
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from atrium.errors import AtriumError, Invalid, NotFound, error_body
from atrium.identity import IDENTITY_HEADER, Actor, read_identity
from atrium.storage import is_full, storage_full

log = logging.getLogger(__name__)


def actor(request: Request) -> Actor:
    """Who asks, from the identity that the front door's gate signed; raises `NotSignedIn`."""
    return read_identity(request.headers.get(IDENTITY_HEADER))


Who = Annotated[Actor, Depends(actor)]


class Unexpected(AtriumError):
    """Something failed that nobody foresaw; the log holds it under the reference."""


def unexpected(error: BaseException) -> tuple[Unexpected, str]:
    """Logs `error` under a new reference number and gives what may be told of it."""
    reference = secrets.token_hex(4)
    log.error("reference %s", reference, exc_info=error)
    told = Unexpected(
        "the request failed", "this is a defect of the platform", f"look for reference {reference} in the logs"
    )
    return told, reference


def _told(request: Request, error: AtriumError, status: int, reference: str | None = None) -> JSONResponse:
    return JSONResponse(error_body(error, reference, request.headers.get("accept-language", "")), status)


def _on_known(request: Request, error: Exception) -> JSONResponse:
    known = error if isinstance(error, AtriumError) else unexpected(error)[0]
    return _told(request, known, known.status)


def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": str(error)}
    where = ".".join(str(part) for part in first["loc"]) or "the request"
    told = Invalid(f"{where} is {first.get('input')!r:.100}", str(first["msg"]), "see /api/docs for what is expected")
    return _told(request, told, told.status)


class RouteUnknown(NotFound):
    """No such path, or not by this method."""


def _on_http(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    told = RouteUnknown(
        f"{request.method} {request.url.path}", f"it answers {status}", "see /api/docs for what there is"
    )
    return _told(request, told, status)


def _on_unexpected(request: Request, error: Exception) -> JSONResponse:
    if is_full(error):
        return _on_known(request, storage_full(f"{request.method} {request.url.path}"))
    told, reference = unexpected(error)
    return _told(request, told, told.status, reference)


def new_app(title: str, **options: object) -> FastAPI:
    """A FastAPI application whose every error leaves in the one shape of `atrium.errors.error_body`."""
    app = FastAPI(title=title, **options)  # type: ignore[arg-type]  # passed on as they are
    app.add_exception_handler(AtriumError, _on_known)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_unexpected)
    return app
