"""Data templates: keys of a project's own artifacts, transformed."""

import json

import pytest

from atrium.home import Home
from workflows.engine.data import run_data
from workflows.engine.pods import Place
from workflows.engine.state import Workflow


@pytest.fixture
def place(tmp_path):
    home = Home(tmp_path)
    for key in ("flights/run/a/main.log", "flights/run/b/table.csv", "other/run/c/main.log"):
        path = home.engine / "artifacts" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return Place(
        home, Workflow({"metadata": {"name": "run", "namespace": "flights", "uid": "u"}, "spec": {}, "status": {}})
    )


def data(source: dict, *expressions: str) -> dict:
    steps = [{"expression": one} for one in expressions]
    return {"data": {"source": {"artifactPaths": {"name": "logs", "s3": source}}, "transformation": steps}}


def test_the_keys_below_a_key_are_filtered_and_changed(place):
    work = data({"key": "run/"}, 'filter(data, {# endsWith "main.log"})', "map(data, {trimSuffix(#, '.log')})")
    phase, _, outputs = run_data(place, work)
    assert (phase, json.loads(outputs["result"])) == ("Succeeded", ["flights/run/a/main"])


@pytest.mark.parametrize(
    ("work", "told"),
    [
        (data({"bucket": "mine"}), "failed to list directory: The specified bucket does not exist"),
        (data({}, "filter(nothing, true)"), "unable to process data with expression: unknown name nothing"),
        ({"data": {"source": {}}}, "no data source used"),
    ],
)
def test_a_data_template_that_cannot_be_carried_out_fails_as_on_argo(place, work, told):
    phase, message, outputs = run_data(place, work)
    assert (phase, outputs) == ("Failed", {"exitCode": "64"})
    assert message.startswith("main: Error (exit code 64): unable to process data template: ")
    assert told in message
