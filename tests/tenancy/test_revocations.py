"""What the door must refuse stays short, and never holds a token that holds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tenancy
from atrium.identity import platform_actor
from tenancy.revocations import OPEN, _beginnings, run_token_beginning

ON_BOTH_DATABASES = True
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTES = st.integers(0, 3 * 24 * 60)


@pytest.fixture
def home(own_home: Path) -> Iterator[Path]:
    root = platform_actor("test")
    tenancy.create_user(root, "ada", "correct horse battery", administrator=True)
    tenancy.create_project(root, "flights")
    yield own_home


def _jti(text: str) -> str:
    return str(tenancy.actor_of_token(text).credential)


def _refused(jti: str) -> bool:
    found = tenancy.revocations()
    return jti in found.tokens or any(jti.startswith(one) for one in found.beginnings)


def test_the_tokens_of_runs_that_ended_together_are_one_entry_and_a_live_one_holds(home: Path) -> None:
    ids: dict[str, str] = {}
    with mock.patch("tenancy.tokens.now") as clock:
        for number in range(60):
            clock.return_value = datetime.now(UTC) - timedelta(hours=30) + timedelta(minutes=number // 2)
            ids[f"run-{number}"] = _jti(tenancy.issue_run_token("ada", "flights", f"run-{number}"))
            if number:
                tenancy.end_run_tokens("flights", f"run-{number}")
    assert [name for name, jti in ids.items() if not _refused(jti)] == ["run-0"]
    assert len(tenancy.revocations().tokens) <= 1  # the one that began within the minute of the live one
    tenancy.end_run_tokens("flights", "run-0")
    found = tenancy.revocations()
    assert _refused(ids["run-0"]) and len(found.beginnings) <= 4 and not found.tokens


def test_a_run_that_ended_just_now_is_refused_by_itself_and_the_next_one_holds(home: Path) -> None:
    first = _jti(tenancy.issue_run_token("ada", "flights", "first"))
    tenancy.end_run_tokens("flights", "first")
    second = _jti(tenancy.issue_run_token("ada", "flights", "second"))
    assert first in tenancy.revocations().tokens and not _refused(second)


def test_what_has_expired_leaves_the_list(home: Path) -> None:
    with mock.patch("tenancy.tokens.now", return_value=datetime.now(UTC) - timedelta(days=9)):
        tenancy.issue_run_token("ada", "flights", "old")
        tenancy.end_run_tokens("flights", "old")
    found = tenancy.revocations()
    assert not found.tokens and not found.beginnings


@given(st.lists(MINUTES, max_size=60), st.lists(MINUTES, max_size=8))
def test_whatever_ended_is_covered_and_nothing_that_holds_or_may_come_is(ended: list[int], live: list[int]) -> None:
    def jti(number: int, minute: int) -> str:
        return f"{run_token_beginning(NOON - timedelta(minutes=minute))}.{number}"

    gone, holds = [jti(n, one) for n, one in enumerate(ended)], [jti(-1 - n, one) for n, one in enumerate(live)]
    found = _beginnings(gone, holds, run_token_beginning(NOON - OPEN))
    assert all(one.startswith(beginning) for one, beginning in found.items())
    coming = [run_token_beginning(NOON - OPEN + timedelta(seconds=seconds)) for seconds in (0, 60, 120, 86_400)]
    assert not [one for one in (*holds, *coming) for beginning in found.values() if one.startswith(beginning)]
    alone = {one[:16] for one in holds}
    assert {one for one in gone if one not in found} == {
        one for one in gone if one[:16] in alone or one[:16] >= run_token_beginning(NOON - OPEN)
    }  # fmt: skip
