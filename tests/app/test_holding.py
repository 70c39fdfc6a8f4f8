"""Who serves a home holds it to its end, also as the supervisor that it becomes."""

import subprocess
import sys
from pathlib import Path

import pytest
from support import CHECKOUT

from app.checks import hold_home

HOLDS = """
import os
from app.checks import hold_home
from app.supervisor import keep_open
held = hold_home(lambda: None)
{before}
keep_open(held)
print("held", flush=True)
os.execv("/bin/cat", ["cat"])
"""


class Waits(Exception):
    """Somebody else holds the home."""


def waits() -> None:
    raise Waits


@pytest.mark.parametrize(
    "before", ["", "held = os.fdopen(os.dup(held.fileno()), 'w')"], ids=["as it is", "another number"]
)
def test_a_home_is_held_until_what_the_holder_became_has_ended(own_home: Path, before: str) -> None:
    code = HOLDS.format(before=before)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT, **pipes) as holder:  # type: ignore[call-overload]
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Waits):
            hold_home(waits)
        holder.stdin.close()
        holder.wait(30)
    hold_home(waits).close()
