"""Artifacts' files: outputs and inputs of a node, by the workflow's name or uid; a folder is listed."""

from html import escape
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from atrium.identity import Verb
from workflows.engine.files import Artifacts as Kept
from workflows.engine.outside import is_outside
from workflows.engine.rest.desk import Desk
from workflows.engine.state import Json, Workflow
from workflows.engine.volumes import VolumeInvalid, inside

HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
MOST_LISTED = 1000


class Artifacts:
    """`/artifacts`, `/input-artifacts`, both `-by-uid`, and `/artifact-files`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def _workflow(self, request: Request) -> Workflow:
        """The workflow that the path names, if who asks may read it; raises 404."""
        params = request.path_params
        namespace, uid = params.get("namespace"), params.get("uid")
        if uid is None:
            self.desk.who(request, Verb.READ, namespace)
            return self.desk.find(params["namespace"], params["name"])
        workflow = self.desk.by_uid(uid)
        if workflow is None or namespace not in (None, workflow.namespace):
            raise HTTPException(404, "not found")
        self.desk.who(request, Verb.READ, workflow.namespace)
        return workflow

    async def output(self, request: Request) -> Response:
        """GET of an output artifact's file, as an attachment."""
        return self._answer(request, "outputs")

    async def input(self, request: Request) -> Response:
        """GET of an input artifact's file, as an attachment."""
        return self._answer(request, "inputs")

    async def file(self, request: Request) -> Response:
        """GET /artifact-files/…/{inputs|outputs}/{artifact}/{file}: a file, or what is in a folder."""
        side = request.path_params["side"]
        if side not in ("inputs", "outputs"):
            raise HTTPException(400, f"{side!r} is no side of a node; inputs and outputs are")
        return self._answer(request, side, request.path_params.get("file"))

    def _answer(self, request: Request, side: str, file: str | None = None) -> Response:
        params, workflow = request.path_params, self._workflow(request)
        node = workflow.nodes.get(params["node"]) or {}
        named = (node.get(side) or {}).get("artifacts") or []
        found = next((one for one in named if one["name"] == params["artifact"]), None)
        if found is None:
            raise HTTPException(404, f"artifact {params['artifact']} of node {params['node']} not found")
        if "raw" in found:
            return self._attachment(found["raw"]["data"].encode(), found["name"])
        path = self._path(workflow, found, file or "")
        if path.is_dir():
            return self._folder(request, path)
        if not path.is_file():
            if path.name.endswith(".log"):  # of a container that printed nothing
                return self._attachment(b"", path.name)
            raise HTTPException(404, f"artifact {found['name']} is not in the store any more")
        return FileResponse(path, filename=path.name, headers=HEADERS, content_disposition_type="attachment")

    def _path(self, workflow: Workflow, artifact: Json, file: str) -> Path:
        key = (artifact.get("s3") or {}).get("key")
        if not key or is_outside(artifact):
            raise HTTPException(
                404, f"artifact {artifact['name']} is not kept in this server's store; it lies where its template says"
            )
        try:
            path = Kept(self.desk.home.engine / "artifacts", workflow.namespace).path(key)
            return inside(path, file) if file else path
        except VolumeInvalid as error:
            raise HTTPException(400, str(error)) from error

    @staticmethod
    def _attachment(content: bytes, name: str) -> Response:
        headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, headers=headers, media_type="application/octet-stream")

    @staticmethod
    def _folder(request: Request, path: Path) -> Response:
        if not request.url.path.endswith("/"):
            return RedirectResponse(f"{request.url.path.rpartition('/')[2]}/", 307)
        names = sorted(one.name + "/" * one.is_dir() for one in path.iterdir() if not one.is_symlink())[:MOST_LISTED]
        lines = "".join(f'<li><a href="{escape(name)}">{escape(name)}</a></li>\n' for name in ["..", *names])
        return HTMLResponse(f"<html><body><ul>\n{lines}</ul></body></html>", headers=HEADERS)

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        of_name, of_uid = "/{namespace}/{name}/{node}/{artifact}", "/{uid}/{node}/{artifact}"
        found = [
            Route(f"/artifacts{of_name}", self.output),
            Route(f"/input-artifacts{of_name}", self.input),
            Route(f"/artifacts-by-uid{of_uid}", self.output),
            Route(f"/input-artifacts-by-uid{of_uid}", self.input),
        ]
        for kind in ("workflows/{name}", "archived-workflows/{uid}"):
            path = f"/artifact-files/{{namespace}}/{kind}/{{node}}/{{side}}/{{artifact}}"
            found += [Route(path, self.file), Route(f"{path}/{{file:path}}", self.file)]
        return found
