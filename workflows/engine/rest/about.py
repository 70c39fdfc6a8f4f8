"""What the server is, and who asks."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from atrium.identity import IDENTITY_HEADER, read_identity

VERSION = "v3.7.3+atrium"


class About:
    """`/api/v1/info`, `/api/v1/version`, `/api/v1/userinfo`."""

    async def info(self, request: Request) -> Response:
        """GET /info."""
        read_identity(request.headers.get(IDENTITY_HEADER))
        return JSONResponse({"managedNamespace": "", "links": [], "modals": {}, "columns": []})

    async def version(self, request: Request) -> Response:
        """GET /version."""
        about = {"version": VERSION, "buildDate": "2026-01-01T00:00:00Z", "gitCommit": "", "gitTag": VERSION,
                 "gitTreeState": "clean", "goVersion": "none", "compiler": "none", "platform": "linux/amd64"}  # fmt: skip
        return JSONResponse(about)

    async def userinfo(self, request: Request) -> Response:
        """GET /userinfo."""
        who = read_identity(request.headers.get(IDENTITY_HEADER))
        return JSONResponse({"subject": who.name, "issuer": "atrium", "groups": who.projects})

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        return [
            Route("/api/v1/info", self.info),
            Route("/api/v1/version", self.version),
            Route("/api/v1/userinfo", self.userinfo),
        ]
