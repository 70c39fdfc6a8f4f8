"""Asking a model through the front door, beside Triton asked on its own socket."""

import statistics
from functools import partial

import httpx

from bench.figures import Figure, seconds_of
from bench.instance import Instance

ROUNDS, WARM = 600, 100
ROW = {"inputs": [{"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [1.0] * 64}]}
PATH = "/v2/models/digits--digit/infer"


def _ask(client: httpx.Client) -> None:
    client.post(PATH, json=ROW).raise_for_status()


def inference(instance: Instance) -> list[Figure]:
    """p50 of one client, one row a request, HTTP, in turns."""
    socket_path = str(instance.home / "run" / "triton-http.sock")
    transport = httpx.HTTPTransport(uds=socket_path, verify=False)
    with (
        instance.client("digits") as door,
        httpx.Client(base_url="http://triton", transport=transport, trust_env=False) as direct,
    ):
        seen: dict[str, list[float]] = {"door": [], "direct": []}
        for number in range(ROUNDS + WARM):
            for name, client in (("door", door), ("direct", direct)):
                spent = seconds_of(partial(_ask, client))
                if number >= WARM:
                    seen[name].append(spent * 1000)
    through, straight = statistics.median(seen["door"]), statistics.median(seen["direct"])
    return [
        Figure("inference, Triton direct, p50", straight, "ms", note="one client, one row, its Unix socket"),
        Figure("inference through the door, p50", through, "ms"),
        Figure("inference, the door over direct, p50", through - straight, "ms", 0.5),
    ]
