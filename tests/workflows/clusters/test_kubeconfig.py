"""A kubeconfig is taken whole or refused by the part that is wrong, and nothing of it is told."""

import pytest
from kubeconfigs import CERTIFICATE, KEY, certificate, config, in_base64

from workflows.clusters.kube import tls
from workflows.clusters.kubeconfig import LONGEST, read_kubeconfig
from workflows.clusters.models import KubeconfigInvalid


def test_a_token_and_a_client_certificate_are_taken() -> None:
    assert read_kubeconfig(config()).token == "hush"
    assert read_kubeconfig(config()).server == "https://127.0.0.1:6443"
    keyed = {"client-certificate-data": in_base64(CERTIFICATE), "client-key-data": in_base64(KEY)}
    access = read_kubeconfig(config(user=keyed))
    assert access.key == KEY
    assert tls(access).cert_store_stats()["x509"] == 1


@pytest.mark.parametrize(("text", "named"), [
    ("x" * (LONGEST + 1), "at most"), ("a: [", "YAML"), ("hello", "clusters"), (config(context="other"), "'other'"),
    (config({"server": "http://plain"}), "https"), (config({"server": "file:///etc/passwd"}), "https"),
    (config({"certificate-authority": "/etc/hostname"}), "certificate-authority"),
    (config({"insecure-skip-tls-verify": True}), "insecure"), (config({"certificate-authority-data": "%%"}), "PEM"),
    (config(user={"exec": {"command": "touch"}}), "exec"), (config(user={"auth-provider": {"name": "x"}}), "auth-provider"),
    (config(user={"tokenFile": "/etc/passwd"}), "tokenFile"), (config(user={"username": "u"}), "token"),
    (config(user={"client-certificate-data": in_base64(CERTIFICATE)}), "client-key-data"),
])  # fmt: skip
def test_what_is_wrong_is_named(text: str, named: str) -> None:
    with pytest.raises(KubeconfigInvalid, match=named):
        read_kubeconfig(text)


def test_nothing_secret_is_told_or_printed() -> None:
    with pytest.raises(KubeconfigInvalid) as refused:
        read_kubeconfig("token: hush\nbroken: [")
    assert "hush" not in str(refused.value)
    assert "hush" not in repr(read_kubeconfig(config()))


def test_a_key_of_another_certificate_is_refused() -> None:
    keyed = {"client-certificate-data": in_base64(CERTIFICATE), "client-key-data": in_base64(certificate()[1])}
    with pytest.raises(KubeconfigInvalid, match="fit together"):
        tls(read_kubeconfig(config(user=keyed)))
