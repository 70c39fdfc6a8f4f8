"""Artifacts' files."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from atrium.identity import Verb
from workflows.engine.files import Artifacts as Kept
from workflows.engine.rest.desk import Desk


class Artifacts:
    """`/artifacts` and `/artifact-files`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def artifact(self, request: Request) -> Response:
        """GET /artifacts/{namespace}/{name}/{node}/{artifact}: an output artifact's file, as an attachment."""
        params = request.path_params
        self.desk.who(request, Verb.READ, params["namespace"])
        node = self.desk.find(params["namespace"], params["name"]).nodes.get(params["node"]) or {}
        for one in (node.get("outputs") or {}).get("artifacts") or []:
            if one["name"] == params["artifact"]:
                path = Kept(self.desk.home.engine / "artifacts", params["namespace"]).path(one["s3"]["key"])
                headers = {
                    "X-Content-Type-Options": "nosniff",
                    "Content-Security-Policy": "sandbox; default-src 'none'",
                }
                if path.name.endswith(".log") and not path.exists():  # of a container that printed nothing
                    return Response("", headers=headers)
                return FileResponse(path, filename=path.name, headers=headers, content_disposition_type="attachment")
        raise HTTPException(404, f"artifact {params['artifact']} of node {params['node']} not found")

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        return [
            Route("/artifacts/{namespace}/{name}/{node}/{artifact}", self.artifact),
            Route("/artifact-files/{namespace}/workflows/{name}/{node}/outputs/{artifact}", self.artifact),
        ]
