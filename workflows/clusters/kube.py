"""Asking an API server: its REST as it is, each refusal in words."""

import json
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import httpx

from atrium.errors import AtriumError
from workflows.clusters.models import Access, ClusterRefused, ClusterUnavailable, KubeconfigInvalid

Json = dict[str, Any]
CONNECT_SECONDS = 0.8  # a page waits for a cluster no longer than this
ANSWER_SECONDS = 10.0
GONE = 410


class VersionGone(AtriumError):
    """The API server no longer has the version from which a watch was to go on; one lists again."""


@lru_cache(maxsize=32)
def tls(access: Access) -> ssl.SSLContext:
    """The context that knows the cluster's authority and shows the client's certificate. Raises `KubeconfigInvalid`."""
    try:
        context = ssl.create_default_context(cadata=access.authority or None)
        if access.certificate:
            with tempfile.NamedTemporaryFile(
                "w", suffix=".pem"
            ) as file:  # mode 0600; ssl reads chains from files alone
                file.write(f"{access.certificate}\n{access.key}\n")
                file.flush()
                context.load_cert_chain(file.name)
    except ssl.SSLError as error:
        told = f"its certificates and key can be read and fit together ({error.reason or 'they cannot'})"
        raise KubeconfigInvalid("the kubeconfig", told, "take it from the cluster again") from None
    return context


@contextmanager
def telling(cluster: str) -> Iterator[None]:
    """Turns a failed connection into `ClusterUnavailable`."""
    try:
        yield
    except httpx.TransportError as error:
        problem = str(error) or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in problem:
            told = f"its certificate must be of the authority that was given ({problem})"
            raise ClusterUnavailable(f"cluster {cluster!r}", told, "give the authority that signed it") from error
        raise ClusterUnavailable(
            f"cluster {cluster!r} did not answer ({problem})", "it must answer this machine; of a connected one, what was seen last is still shown",
            f"see that its API server runs, then try again; of a connected one: atrium cluster check {cluster}",
        ) from error  # fmt: skip


def refusal(cluster: str, status: int, message: str) -> AtriumError:
    """A refusal in words: 401 and 403 apart from others."""
    if status == httpx.codes.UNAUTHORIZED:
        told = "its token or certificate has ended, was withdrawn or is another cluster's"
        return ClusterRefused(
            f"cluster {cluster!r} does not know the credential",
            told,
            f"atrium cluster renew {cluster} --kubeconfig FILE",
        )
    if status == httpx.codes.FORBIDDEN:
        told = "the account that the platform uses there needs that right"
        return ClusterRefused(
            f"cluster {cluster!r} refused: {message}",
            told,
            f"atrium cluster check {cluster} names every right that is missing",
        )
    return ClusterUnavailable(
        f"cluster {cluster!r} answered {status}: {message}", "it answers 200", f"atrium cluster check {cluster}"
    )


class Kube:
    """One cluster's API server; use it as a context."""

    def __init__(self, cluster: str, access: Access, answer_seconds: float = ANSWER_SECONDS) -> None:
        headers = {"Authorization": f"Bearer {access.token}"} if access.token else {}
        self.cluster = cluster
        self.http = httpx.Client(
            base_url=access.server, verify=tls(access), headers=headers, trust_env=False,
            timeout=httpx.Timeout(answer_seconds, connect=min(CONNECT_SECONDS, answer_seconds)),
        )  # fmt: skip

    def __enter__(self) -> "Kube":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def ask(self, method: str, path: str, body: object = None, **query: str) -> Json:
        """JSON of an answer. Raises `ClusterUnavailable`, `ClusterRefused`, `VersionGone`."""
        with telling(self.cluster):
            response = self.http.request(method, path, json=body, params=query)
        if not response.is_success:
            self._refuse(response)
        found: Json = response.json()
        return found

    def find(self, path: str) -> Json | None:
        """JSON at a path; None where the API server has nothing there. Raises as `ask` does."""
        with telling(self.cluster):
            response = self.http.get(path)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if not response.is_success:
            self._refuse(response)
        found: Json = response.json()
        return found

    def create(self, path: str, body: Json) -> bool:
        """Makes an object; False where one of its name is there already, which stays as it is. Raises as `ask` does."""
        with telling(self.cluster):
            response = self.http.post(path, json=body, params={"fieldManager": "atrium"})
        if response.status_code == httpx.codes.CONFLICT:
            return False
        if not response.is_success:
            self._refuse(response)
        return True

    def change(self, path: str, body: Json) -> None:
        """Merges `body` into an object. Raises as `ask` does."""
        headers = {"Content-Type": "application/merge-patch+json"}
        with telling(self.cluster):
            response = self.http.patch(path, json=body, params={"fieldManager": "atrium"}, headers=headers)
        if not response.is_success:
            self._refuse(response)

    def pages(self, path: str, query: dict[str, str], items: int = 500) -> Iterator[Json]:
        """The lists of a whole listing, a page at a time."""
        more = ""
        while True:
            page = self.ask("GET", path, limit=str(items), **query, **({"continue": more} if more else {}))
            yield page
            more = str((page.get("metadata") or {}).get("continue") or "")
            if not more:
                return

    def watch(self, path: str, version: str, seconds: int, **query: str) -> Iterator[tuple[str, Json]]:
        """Type and object of each change since `version`, for at most `seconds`. Raises as `ask` does."""
        asked = {
            **query,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        patience = httpx.Timeout(CONNECT_SECONDS, read=seconds + 15.0)
        with telling(self.cluster), self.http.stream("GET", path, params=asked, timeout=patience) as response:
            if not response.is_success:
                response.read()
                self._refuse(response)
            for line in response.iter_lines():
                change = json.loads(line)
                if change["type"] == "ERROR":
                    self._gone(change["object"])
                yield change["type"], change["object"]

    def _gone(self, status: Json) -> None:
        if status.get("code") == GONE:
            raise VersionGone("a watch", "its version is kept", "list again")
        raise refusal(self.cluster, int(status.get("code") or 500), str(status.get("message")))

    def _refuse(self, response: httpx.Response) -> None:
        if response.status_code == GONE:
            raise VersionGone("a watch", "its version is kept", "list again")
        try:
            message = str(response.json().get("message"))
        except ValueError:
            message = response.text[:300]
        raise refusal(self.cluster, response.status_code, message)
