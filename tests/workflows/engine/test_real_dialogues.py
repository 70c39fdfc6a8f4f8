"""Dialogues about http templates, plugins, memoization and the archive, held with this server as with real Argo v3.7.3 (real/record.py)."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from spoken import spoken

REAL = Path(__file__).parent / "real"
RECORDED = json.loads((REAL / "recorded.json").read_text())
LIMIT_SECONDS = 150
KEPT = "where Argo has an archive, `get` and `list` show what was deleted until it is deleted there too; here only the archive's calls do"
ONE_MORE = "after a memoized resubmit Argo leaves the failed try of a step that had succeeded in the end as Pending, and runs one more in vain"
OTHERWISE = {  # answers that differ, by their number, and why
    ("archive: get and list", 9): KEPT,
    ("archive: get and list", 10): KEPT,
    ("archive: get and list", 11): KEPT,
    ("archive: list", 8): "Argo lists no more what was taken from the archive alone, yet `get` finds it",
    ("memo: resubmit", 4): ONE_MORE,
    ("memo: resubmit", 5): ONE_MORE,
}
REPLACED = "`--schedule` of version 4 replaces the file's schedules, where that of 3.7 sends both, which is refused"
OTHERWISE_BY_VERSION_4 = dict.fromkeys((("talk: cron", number) for number in (11, 12, 13, 20)), REPLACED)


def _recorder():
    sys.path.insert(0, str(REAL))  # answers.py stands beside it
    specification = importlib.util.spec_from_file_location("recorder", REAL / "record.py")
    recorder = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(recorder)
    return recorder


@pytest.fixture(scope="module")
def asked():
    recorder = _recorder()
    if not (recorder.CLI / "dialogue.py").exists():
        pytest.skip("../shared/conformance is not on this machine")
    server = recorder.serve("127.0.0.2")  # not the address that one of the files asks itself
    yield recorder, f"http://127.0.0.2:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def otherwise(engine_server, cli):
    is_4 = engine_server.argo("version", "--short").stdout.startswith("argo: v4")
    return OTHERWISE | (OTHERWISE_BY_VERSION_4 if is_4 else {})


@pytest.mark.argo
@pytest.mark.parametrize("name", sorted(RECORDED))
def test_the_cli_is_answered_as_by_argo(engine_server, cli, asked, otherwise, name, monkeypatch):
    recorder, base = asked
    for key, value in engine_server.argo_environment().items():
        monkeypatch.setenv(key, value)
    plan = next(one for one in recorder.plans() if one["name"] == name)
    held = recorder.hold(cli, "flights", plan, base, LIMIT_SECONDS)
    pairs = enumerate(zip(map(spoken, held), map(spoken, RECORDED[name]), strict=True))
    differing = {(name, number): pair for number, pair in pairs if pair[0] != pair[1]}
    unexplained = {number: pair for number, pair in differing.items() if number not in otherwise}
    assert unexplained == {}
    assert differing.keys() == {one for one in otherwise if one[0] == name}, "what is said to differ differs"
