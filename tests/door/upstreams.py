"""What stands behind the front door in its tests: a server that tells what reached it, and a model server's gRPC."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import uvicorn
from small_platform import until
from starlette.types import Receive, Scope, Send
from tritonclient.grpc import service_pb2, service_pb2_grpc

NAMES = ("api", "portal", "demos", "argo", "mlflow", "feast", "triton-http")
STREAM_PIECES = 5
DOWNLOAD_MIB = 200


async def _stream(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for number in range(STREAM_PIECES):
        await send({"type": "http.response.body", "body": f"data: {number}\n\n".encode(), "more_body": True})
        await asyncio.sleep(0.05)
    await send({"type": "http.response.body"})


async def _download(send: Send) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/octet-stream")]}
    )
    for _ in range(DOWNLOAD_MIB):
        await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
    await send({"type": "http.response.body"})


async def _page(send: Send) -> None:
    headers = [(b"content-type", b"text/html; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send(
        {"type": "http.response.body", "body": b"<!doctype html><title>item</title><h1>What a user brought</h1>"}
    )


async def _unreadable(send: Send) -> None:
    """As Triton answers a request whose data it cannot read."""
    await send({"type": "http.response.start", "status": 500, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b'{"error":"Unable to parse \'data\'"}'})


async def _websocket(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message.get("text")})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the path, the headers and the size of the body that reached it, and the socket's name."""
    if scope["type"] == "websocket":
        return await _websocket(receive, send)
    if scope["path"].endswith("/stream"):
        return await _stream(send)
    if scope["path"].endswith("/download"):
        return await _download(send)
    if scope["path"].endswith(".html"):
        return await _page(send)
    if scope["path"].endswith("--unreadable/infer"):
        return await _unreadable(send)
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    told = {
        "upstream": Path(scope["server"][0]).stem, "path": scope["path"], "query": scope["query_string"].decode(), "size": size,
        "headers": {name.decode(): value.decode() for name, value in scope["headers"]},
        "filler": "x" * 4000 if scope["path"].endswith("/long") else "",
    }  # fmt: skip
    headers = [(b"content-type", b"application/json"), (b"x-atrium-identity", b"an upstream's slip")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})


class Models(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # generated without types
    """Answers with the model's name, and with the token if one slipped through; a model `…--ends-CODE` ends every call so."""

    def ServerLive(self, request: object, context: grpc.ServicerContext) -> object:
        return service_pb2.ServerLiveResponse(live=True)

    def ModelReady(self, request: object, context: grpc.ServicerContext) -> object:
        return service_pb2.ModelReadyResponse(ready=True)

    def ModelInfer(self, request: object, context: grpc.ServicerContext) -> object:
        _model, ends, code = request.model_name.partition("--ends-")  # type: ignore[attr-defined]
        if ends:
            context.abort(grpc.StatusCode[code.upper().replace("-", "_")], "as its name says")
        slipped = [value for name, value in context.invocation_metadata() if name == "authorization"]
        return service_pb2.ModelInferResponse(model_name=request.model_name, id=",".join(slipped))  # type: ignore[attr-defined]

    def RepositoryIndex(self, request: object, context: grpc.ServicerContext) -> object:
        return service_pb2.RepositoryIndexResponse()

    def ModelStreamInfer(self, requests: object, context: grpc.ServicerContext) -> object:
        return iter(())


def _bound(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    made.listen(512)
    return made


@contextmanager
def upstreams(run: Path) -> Iterator[None]:
    """Runs them all on their sockets in `run`."""
    server = uvicorn.Server(uvicorn.Config(echo, log_level="error", lifespan="off", timeout_graceful_shutdown=2))
    sockets = [_bound(run / f"{name}.sock") for name in NAMES]
    thread = threading.Thread(target=lambda: server.run(sockets=sockets), daemon=True)
    thread.start()
    models = grpc.server(ThreadPoolExecutor(4))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Models(), models)
    models.add_insecure_port(f"unix:{run / 'triton-grpc.sock'}")
    models.start()
    until(lambda: server.started, "the upstreams")
    yield
    models.stop(1).wait()
    server.should_exit = True
    thread.join(10)
