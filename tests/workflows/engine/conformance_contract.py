"""Argo's own examples on one that answers Argo Server's calls, compared node for node with what real Argo v3.7.3 did (../shared/conformance)."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from recordings import differences
from servers import CHECKOUT

FOLDER = Path(os.environ.get("ATRIUM_TEST_ASSETS") or CHECKOUT.parent / "shared") / "conformance"
RECORDED = json.loads((FOLDER / "recorded.json").read_text()) if FOLDER.exists() else {}
TOSSES = set(json.loads((FOLDER / "random.json").read_text())) if FOLDER.exists() else set()
TOSSES |= {"retry-backoff.yaml", "retry-on-error.yaml", "retry-script.yaml"}  # exit codes by chance too
LONG_SECONDS = 60  # examples that sleep longer than this run in CI alone
Outcome = Callable[[str], list[dict]]


def is_long(name: str) -> bool:
    return any(one.get("seconds", 0) > LONG_SECONDS for one in RECORDED[name]) and os.environ.get("CI") != "true"


NAMES = [name for name in RECORDED if not is_long(name)]


class ConformanceContract:
    """Every implementation gives `outcome`: a file's name in, for each of its workflows the facts or `{"refused": text}` out."""

    different: ClassVar[dict[str, str]] = {}  # files that must come out otherwise here, and why
    unsteady: ClassVar[dict[str, str]] = {}  # files that come out now so, now otherwise here, and why

    @pytest.mark.parametrize("name", NAMES)
    def test_an_example_does_what_it_does_on_argo(
        self, request: pytest.FixtureRequest, outcome: Outcome, name: str
    ) -> None:
        if name in self.different:
            request.applymarker(pytest.mark.xfail(reason=self.different[name], strict=True))
        if name in self.unsteady:
            pytest.skip(self.unsteady[name])
        for ours, theirs in zip(outcome(name), RECORDED[name], strict=True):
            assert ("refused" in ours) == ("refused" in theirs), ours
            if "refused" in theirs:
                continue
            if name in TOSSES:
                assert {"type", "phase", "children"} <= set(ours["nodes"]["WF"]), "chance decides the rest"
            else:
                assert differences(ours, theirs) == []
