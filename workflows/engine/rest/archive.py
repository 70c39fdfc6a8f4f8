"""Archived workflows."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from atrium.identity import IDENTITY_HEADER, read_identity


class Archive:
    """`/api/v1/archived-workflows`."""

    async def archived(self, request: Request) -> Response:
        """GET /archived-workflows: nothing, since lists keep finished workflows."""
        read_identity(request.headers.get(IDENTITY_HEADER))
        return JSONResponse({"metadata": {}, "items": None})

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        return [Route("/api/v1/archived-workflows", self.archived)]
