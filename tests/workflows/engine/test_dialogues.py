"""Dialogues with the real argo CLI, held with this server and compared with what real Argo v3.7.3 answered, answer for answer."""

import importlib.util
import json
import os
from pathlib import Path

import pytest
import yaml
from servers import CHECKOUT
from spoken import spoken

FOLDER = Path(os.environ.get("ATRIUM_TEST_ASSETS") or CHECKOUT.parent / "shared") / "conformance" / "cli"
RECORDED = json.loads((FOLDER / "recorded.json").read_text()) if FOLDER.exists() else {}
LIMIT_SECONDS = 150
NOT_YET: dict[str, str] = {}


def plans() -> list[dict]:
    if not FOLDER.exists():
        return []
    bad = [
        {"name": f"bad: {path.stem}", "steps": [{"argo": f"lint bad/{path.name}"}, {"argo": f"submit bad/{path.name} -o name"}]}
        for path in sorted((FOLDER / "bad").glob("*.yaml"))
    ]  # fmt: skip
    return yaml.safe_load((FOLDER / "dialogues.yaml").read_text()) + bad


def cases():
    for plan in plans():
        marks = [pytest.mark.xfail(reason=NOT_YET[plan["name"]], strict=True)] if plan["name"] in NOT_YET else []
        yield pytest.param(plan, id=plan["name"], marks=marks)


@pytest.mark.argo
@pytest.mark.skipif(not FOLDER.exists(), reason="../shared/conformance is not on this machine")
@pytest.mark.parametrize("plan", list(cases()))
def test_the_cli_is_answered_as_by_argo(engine_server, cli, plan, monkeypatch):
    for name, value in engine_server.argo_environment().items():
        monkeypatch.setenv(name, value)
    specification = importlib.util.spec_from_file_location("dialogue", FOLDER / "dialogue.py")
    dialogue = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(dialogue)
    held = dialogue.Dialogue(cli, "flights", LIMIT_SECONDS).hold(plan)
    recorded = [step for step in RECORDED[plan["name"]] if "bad:" not in plan["name"] or "argo" in step]
    assert [spoken(step) for step in held] == [spoken(step) for step in recorded]
