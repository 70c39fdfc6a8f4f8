"""Reading a kubeconfig: one cluster and one user, with everything inside it, since nothing of this machine is read or run for it."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import yaml

from workflows.clusters.models import Access, KubeconfigInvalid

LONGEST = 256 * 1024
FLATTEN = "kubectl config view --minify --flatten --raw > cluster.yaml makes one that holds everything"
FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
RUN = ("exec", "auth-provider")


def read_kubeconfig(text: str) -> Access:
    """The cluster and user of the current context.

    Raises:
        KubeconfigInvalid: it is no kubeconfig, lacks a part, names files or programs of this machine, or checks no certificate.
    """
    if len(text) > LONGEST:
        raise KubeconfigInvalid(f"a kubeconfig of {len(text)} characters", f"at most {LONGEST}", FLATTEN)
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1  # never the text itself: it may hold a secret
        raise KubeconfigInvalid(
            f"the kubeconfig cannot be read at line {line}", "it is YAML, as kubectl writes it", FLATTEN
        ) from None
    if not isinstance(found, dict) or not isinstance(found.get("clusters"), list):
        raise KubeconfigInvalid("the kubeconfig", "it has clusters, users and contexts", FLATTEN)
    context = _named(found, "contexts", str(found.get("current-context") or ""), "context")
    cluster = _named(found, "clusters", str(context.get("cluster") or ""), "cluster")
    user = _named(found, "users", str(context.get("user") or ""), "user")
    _refuse_outside(cluster | user)
    server = str(cluster.get("server") or "").rstrip("/")
    if not re.fullmatch(r"https://[^\s/@?#]+(/[^\s?#]*)?", server):
        raise KubeconfigInvalid(f"server {server!r}", "it is an https address", "mend clusters[].cluster.server")
    access = Access(
        server, _pem(cluster, "certificate-authority-data"), str(user.get("token") or ""), _pem(user, "client-certificate-data"),
        _pem(user, "client-key-data"),
    )  # fmt: skip
    if not access.token and not (access.certificate and access.key):
        told = "the user has a token, or client-certificate-data and client-key-data"
        raise KubeconfigInvalid("the kubeconfig's user", told, "kubectl create token ACCOUNT gives a token")
    return access


def _named(config: Mapping[str, Any], part: str, name: str, what: str) -> dict[str, Any]:
    entries = [one for one in config.get(part) or [] if isinstance(one, dict)]
    for one in entries:
        if one.get("name") == name and isinstance(one.get(what), dict):
            return dict(one[what])
    known = ", ".join(str(one.get("name")) for one in entries) or "none"
    raise KubeconfigInvalid(
        f"{what} {name!r} of the kubeconfig", f"its {part} are {known}", "set current-context to one that is whole"
    )


def _refuse_outside(both: Mapping[str, Any]) -> None:
    for name in FILES:
        if both.get(name):
            raise KubeconfigInvalid(
                f"{name} of the kubeconfig", "a file beside it is not read: it holds its data itself", FLATTEN
            )
    for name in RUN:
        if both.get(name):
            told = "no program is run for a credential: it is a token or a client certificate"
            raise KubeconfigInvalid(f"{name} of the kubeconfig", told, "use a service account's token")
    if both.get("insecure-skip-tls-verify"):
        told = "the API server's certificate is checked"
        raise KubeconfigInvalid("insecure-skip-tls-verify", told, "give certificate-authority-data instead")


def _pem(part: Mapping[str, Any], name: str) -> str:
    try:
        text = base64.b64decode(str(part.get(name) or ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = "?"
    if text and "-----BEGIN " not in text:
        raise KubeconfigInvalid(f"{name} of the kubeconfig", "it is PEM in base64", FLATTEN)
    return text
