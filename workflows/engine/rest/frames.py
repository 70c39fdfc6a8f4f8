"""How a stream is told: as server-sent events to who asks for them, else as a JSON object a line, as Argo Server does."""

import json
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from workflows.engine.rest.errors import GRPC, UNKNOWN, told

EVENTS = "text/event-stream"


@dataclass(frozen=True)
class Frames:
    """The form of one stream."""

    events: bool

    @classmethod
    def asked(cls, request: Request) -> "Frames":
        """The form that a request's `Accept` asks for."""
        return cls(request.headers.get("accept") == EVENTS)

    @property
    def media_type(self) -> str:
        """The answer's content type."""
        return EVENTS if self.events else "application/json"

    @property
    def alive(self) -> str:
        """What shows a quiet stream's reader that it lives; only events have such."""
        return ":\n\n" if self.events else ""

    def told(self, text: str) -> str:
        """One JSON text on its way."""
        return f"data: {text}\n\n" if self.events else f"{text}\n"

    def refused(self, error: Exception) -> Response:
        """The answer for an error where a stream was asked for."""
        status, message = told(error)
        code, phrase = GRPC.get(status, UNKNOWN), HTTPStatus(status).phrase
        payload = {"grpc_code": code, "http_code": status, "message": message, "http_status": phrase}
        return Response(self.told(json.dumps({"error": payload})), status, media_type=self.media_type)
