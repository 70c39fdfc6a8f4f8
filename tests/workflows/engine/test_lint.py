"""What real Argo's server (v3.7.3) says of a workflow that was changed in one place, and what this one says: `real/lint.json`, a change a line."""

import json
from pathlib import Path

RECORDED = json.loads((Path(__file__).parent / "real" / "lint.json").read_text())


def test_what_lint_says_of_178_changes_is_what_argo_says(engine_server):
    wrong = {}
    for one in RECORDED:
        workflow = {"metadata": {"generateName": "x-"}, "spec": one["spec"]}
        answer = engine_server.http.post("/api/v1/workflows/flights/lint", json={"workflow": workflow})
        said = answer.json()["message"] if answer.status_code != 200 else ""
        if (answer.status_code, said) != (one["status"], one["message"]):
            wrong[one["change"]] = (answer.status_code, said, one["status"], one["message"])
    assert wrong == {}
