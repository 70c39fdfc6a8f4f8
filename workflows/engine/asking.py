"""http templates: one request from inside the pod's walls, and what Argo's agent makes of the answer."""

import base64
from typing import TYPE_CHECKING, Any

from workflows.engine.expressions import ExpressionInvalid, truth
from workflows.engine.helpers import Helper
from workflows.engine.state import FAILED, SUCCEEDED, Json
from workflows.engine.variables import ReferenceMissing, secret_value

if TYPE_CHECKING:
    from workflows.engine.pods import Pod

LONGEST_BODY_BYTES = 256 * 1024
LONGEST_SECONDS = 3600
REQUEST = """
import base64, http.client, re, socket, ssl, urllib.parse
KEPT = ("authorization", "cookie", "www-authenticate")
class Refused(Exception):
    pass
def once(method, url, headers, body):
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused(f'unsupported protocol scheme "{parts.scheme}"' if parts.hostname or not parts.scheme else "http: no Host in request URL")
    port, limit = parts.port or (443 if parts.scheme == "https" else 80), task["timeoutSeconds"]
    if parts.scheme == "https":
        trust = ssl._create_unverified_context() if task["insecureSkipVerify"] else ssl.create_default_context()
        link = http.client.HTTPSConnection(parts.hostname, port, timeout=limit, context=trust)
    else:
        link = http.client.HTTPConnection(parts.hostname, port, timeout=limit)
    try:
        named = {name.lower() for name, _ in headers}
        path = urllib.parse.quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (f"?{parts.query}" if parts.query else "")
        link.putrequest(method, path, skip_host="host" in named, skip_accept_encoding=True)
        for name, value in headers:
            link.putheader(name, value.encode())
        if "user-agent" not in named:
            link.putheader("User-Agent", "Go-http-client/1.1")
        if body or method in ("POST", "PUT", "PATCH"):
            link.putheader("Content-Length", str(len(body)))
        link.endheaders(body or None)
        got = link.getresponse()
        found = {}
        for name, value in got.getheaders():
            found.setdefault("-".join(one.capitalize() for one in name.split("-")), []).append(value)
        return got.status, found, got.read(task["longest"] + 1)
    except ConnectionRefusedError:
        where = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)[-1][4][0]
        raise Refused(f"dial tcp {where}:{port}: connect: connection refused")
    except socket.gaierror:
        raise Refused(f"dial tcp: lookup {parts.hostname}: no such host")
    except TimeoutError:
        raise Refused("context deadline exceeded")
    except ssl.SSLCertVerificationError as error:
        raise Refused(f"tls: failed to verify certificate: x509: {error.verify_message}")
    except http.client.RemoteDisconnected:
        raise Refused("EOF")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Refused(str(error))
    finally:
        link.close()
def all_of():
    method, url, headers = task["method"] or "GET", task["url"], task["headers"]
    body = base64.b64decode(task["body"])
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", method):
        return answer(error=f'net/http: invalid method "{method}"')
    for _ in range(10):
        verb = method[:1].upper() + method[1:].lower()
        try:
            status, found, content = once(method, url, headers, body)
        except Refused as error:
            shown = urllib.parse.quote(url, safe="%/:=&?~#+!$,;'@()*[]")
            return answer(error=f'{verb} "{shown}": {error}')
        if status not in (301, 302, 303, 307, 308) or "Location" not in found:
            return answer(status=status, headers=found, body=content.decode(errors="replace"))
        before, url = urllib.parse.urlsplit(url), urllib.parse.urljoin(url, found["Location"][0])
        headers = [one for one in headers if one[0].lower() != "host"]
        if urllib.parse.urlsplit(url).hostname != before.hostname:
            headers = [one for one in headers if one[0].lower() not in KEPT]
        if status in (301, 302, 303):
            method, body = method if method in ("GET", "HEAD") else "GET", b""
    return answer(error=f'{verb} "{url}": stopped after 10 redirects')
all_of()
"""


def request_of(http: Json) -> Helper:
    """The helper that makes an http template's request; its task holds the headers' secrets."""

    def task(pod: "Pod") -> Json:
        return {
            "method": str(http.get("method") or ""),
            "url": str(http.get("url") or ""),
            "headers": [[str(one["name"]), _header(one, pod)] for one in http.get("headers") or []],
            "body": base64.b64encode(_body(http)).decode(),
            "timeoutSeconds": min(float(http.get("timeoutSeconds") or LONGEST_SECONDS), LONGEST_SECONDS),
            "insecureSkipVerify": bool(http.get("insecureSkipVerify")),
            "longest": LONGEST_BODY_BYTES,
        }

    return Helper(REQUEST, task)


def _header(header: Json, pod: "Pod") -> str:
    reference = (header.get("valueFrom") or {}).get("secretKeyRef")
    if not reference:
        return str(header.get("value") or "")
    name, key = reference["name"], reference["key"]
    try:
        return secret_value(pod.known, reference)
    except ReferenceMissing:
        lacks = any(one.startswith(f"{name}.") for one in pod.known.secrets)
        told = f"secret '{name}' does not have the key '{key}'" if lacks else f'secrets "{name}" not found'
        raise ReferenceMissing(told) from None


def _body(http: Json) -> bytes:
    source = http.get("bodyFrom")
    return base64.b64decode((source or {}).get("bytes") or "") if source else str(http.get("body") or "").encode()


def verdict_of(http: Json, answer: Json) -> tuple[str, str, Json]:
    """Phase, message and outputs of a request by its answer: `error`, or `status`, `headers` (lists by name) and `body`."""
    if error := answer.get("error"):
        return FAILED, str(error), {}
    body, status = str(answer["body"]), int(answer["status"])
    if len(body.encode()) > LONGEST_BODY_BYTES:
        return (
            FAILED,
            f"the response's body is longer than {LONGEST_BODY_BYTES} bytes: fetch it as an http artifact",
            {},
        )
    condition, outputs = str(http.get("successCondition") or ""), {"result": body}
    if not condition:
        good = 200 <= status < 300
        return (SUCCEEDED, "", outputs) if good else (FAILED, f"received non-2xx response code: {status}", outputs)
    try:
        good = truth(condition, _scope(http, status, answer))
    except ExpressionInvalid as error:
        return FAILED, str(error), {}
    return (SUCCEEDED, "", outputs) if good else (FAILED, f"successCondition '{condition}' evaluated false", outputs)


def _scope(http: Json, status: int, answer: Json) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for one in http.get("headers") or []:
        headers.setdefault(str(one["name"]).title(), []).append(str(one.get("value") or ""))
    request = {
        "method": http.get("method", ""),
        "url": http.get("url", ""),
        "body": http.get("body", ""),
        "headers": headers,
    }
    return {
        "request": request,
        "response": {"statusCode": status, "body": answer["body"], "headers": answer.get("headers") or {}},
    }
