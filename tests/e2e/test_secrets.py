"""After everything that the tests above did: no secret stands in a log, a process list or an environment."""

import base64
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from instances import supervisor_pid
from support import PASSWORD, Platform

pytestmark = pytest.mark.platform


@pytest.fixture(scope="module")
def secrets(platform: Platform) -> list[str]:
    """Texts that may stand nowhere: passwords, tokens that were used (well and badly), keys, a step's secret."""
    token = platform.token("flights")
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("/api/v1/me", "/argo/api/v1/info", "/mlflow/api/2.0/mlflow/experiments/search?max_results=1", "/feast/flights/health",
                 "/v2/models/flights--flight-delay", "/v2/models/digits--digit", "/nowhere"):  # fmt: skip
        httpx.get(platform.url + path, headers=headers, timeout=60)
    httpx.get(f"{platform.url}/api/v1/me?token={token}", timeout=60)
    data = {"name": "admin", "password": "a wrong password nobody has"}
    httpx.post(f"{platform.url}/auth/login", data=data, headers={"Origin": platform.url}, timeout=60)
    keys = [path.read_bytes() for path in (platform.home / "keys").iterdir() if path.is_file()]
    shown = [
        text
        for key in keys
        for text in (key.hex(), base64.b64encode(key).decode(), base64.urlsafe_b64encode(key).decode().rstrip("="))
    ]
    pem = [line for key in keys if b"PRIVATE" in key for line in key.decode().splitlines() if "-----" not in line]
    return [PASSWORD, token, token.rsplit(".", 1)[1], data["password"], *shown, *pem]


def _family(platform: Platform) -> Iterator[psutil.Process]:
    supervisor = psutil.Process(supervisor_pid(platform))
    yield supervisor
    yield from supervisor.children(recursive=True)


def _logs(platform: Platform) -> list[Path]:
    return [path for path in (platform.home / "logs").rglob("*") if path.is_file()]


def test_no_log_holds_a_secret(platform: Platform, secrets: list[str]) -> None:
    texts = {path.name: path.read_text(errors="replace") for path in _logs(platform)}
    assert len(texts) >= 10 and any(texts.values())
    assert [(name, secret[:6]) for name, text in texts.items() for secret in secrets if secret in text] == []


def test_no_process_shows_a_secret_in_its_command_line(platform: Platform, secrets: list[str]) -> None:
    lines = [" ".join(process.cmdline()) for process in _family(platform)]
    assert len(lines) > 10
    assert [line[:80] for line in lines for secret in secrets if secret in line] == []


def test_no_component_was_given_the_administrators_password(platform: Platform) -> None:
    environments = [process.environ() for process in _family(platform)]
    assert not [one for one in environments if "ATRIUM_ADMIN_PASSWORD" in one or PASSWORD in one.values()]


def test_nothing_in_the_home_may_be_read_by_others(platform: Platform) -> None:
    assert platform.home.stat().st_mode & 0o077 == 0
    sockets = [path for path in (platform.home / "run").iterdir() if path.is_socket()]
    assert len(sockets) >= 8
    assert [path for path in sockets if path.stat().st_mode & 0o077] == []
    assert [path for path in (platform.home / "keys").iterdir() if path.stat().st_mode & 0o077] == []
