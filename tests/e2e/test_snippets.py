"""What the pages give to copy runs as it is, with a token in the environment and nothing else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from small_platform import forget_settings
from support import Platform

import feature_store
import serving
from atrium.identity import Actor, Kind
from portal.views.snippets import Texts, lookup_texts, service_texts, workflow_texts

pytestmark = pytest.mark.platform
SERVICE = ("curl", "tritonclient HTTP", "tritonclient gRPC")


@pytest.fixture
def here(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """This process looks at the platform's home as one of its own would."""
    for name in ("ATRIUM_HOME", "ATRIUM_PORT"):
        monkeypatch.setenv(name, platform.environment[name])
    forget_settings()
    yield platform
    forget_settings()


def ran(texts: Texts, title: str, token: str) -> str:
    """What a text prints; fails with its words where it fails."""
    text, language = texts[title]
    command = [sys.executable, "-c", text] if language == "python" else ["bash", "-euc", text]
    environment = {**os.environ, "TOKEN": token}
    made = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=150)
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


@pytest.mark.parametrize("title", SERVICE)
def test_a_services_text_gets_an_answer(here: Platform, title: str) -> None:
    who = Actor("admin", Kind.PLATFORM, administrator=True)
    texts = service_texts(serving.get_service(who, "flights", "flight-delay"))
    assert "probabilities" in ran(texts, title, here.token("flights"))


@pytest.mark.parametrize("title", ["Newest values", "At moments of the past"])
def test_a_feature_services_text_gets_values_of_an_entity_that_there_is(here: Platform, title: str) -> None:
    who = Actor("admin", Kind.PLATFORM, administrator=True)
    known = feature_store.entity_values(who, "flights", "flight-delay")
    assert "JFK" in known["origin"]
    examples = {key: values[0] for key, values in known.items()}
    texts = lookup_texts("flights", "flight-delay", examples, datetime(2013, 12, 30, 12, tzinfo=UTC))
    answer = ran(texts, title, here.token("flights"))
    assert "temp" in answer and "NOT_FOUND" not in answer and "null" not in answer


def test_heras_text_runs_a_workflow(here: Platform) -> None:
    assert ran(workflow_texts("flights"), "Hera", here.token("flights")).strip() == "Succeeded"


def test_curls_text_starts_a_pipeline(here: Platform) -> None:
    assert '"digit-' in ran(workflow_texts("digits", "digit"), "curl", here.token("digits"))
