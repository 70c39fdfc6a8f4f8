"""Names, settings, events."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_platform import forget_settings
from sqlalchemy.orm import Session

from atrium.database import writing
from atrium.errors import SettingInvalid
from atrium.events import Event, consume, emit
from atrium.names import NameInvalid, check_name, model_name
from atrium.settings import get_settings

ON_BOTH_DATABASES = True


@given(
    st.from_regex(r"[a-z0-9]{2,8}(-[a-z0-9]{1,8}){0,2}", fullmatch=True),
    st.from_regex(r"[a-z0-9]{2,8}", fullmatch=True),
)
def test_a_models_name_is_split_in_one_way_only(project: str, service: str) -> None:
    assert model_name(project, service).split("--") == [project, service]


@pytest.mark.parametrize("name", ["a", "A", "a--b", "-a", "a-", "a" * 31, "admin", "a b", "a/b", "../x", ""])
def test_a_name_that_breaks_the_rules_is_refused(name: str) -> None:
    with pytest.raises(NameInvalid):
        check_name(name, "project")


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "many"), ("PORT", "70000"), ("LOG_LEVEL", "loud"), ("SESSION_HOURS", "-1")]
)
def test_a_corrupt_setting_is_named_with_what_is_allowed(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ATRIUM_{name}", value)
    forget_settings()
    with pytest.raises(SettingInvalid, match=f"ATRIUM_{name} is '{value}'"):
        get_settings()
    monkeypatch.undo()
    forget_settings()


def test_an_event_reaches_each_consumer_once(own_home: Path) -> None:
    seen: list[str] = []

    def note(_session: Session, event: Event) -> None:
        seen.append(event.object)

    with writing() as session:
        emit(session, "thing.changed", "flights", "one", {})
        emit(session, "thing.changed", "flights", "two", {})
    assert consume("test", ("thing.changed",), note) == 2
    assert consume("test", ("thing.changed",), note) == 0
    assert seen == ["one", "two"]


def test_of_several_events_of_one_object_only_the_newest_is_given_and_none_is_lost(own_home: Path) -> None:
    seen: list[object] = []

    def note(_session: Session, event: Event) -> None:
        seen.append((event.object, event.payload["step"]))

    with writing() as session:
        for name, step in (("one", 1), ("two", 1), ("three", 1), ("one", 2), ("two", 2)):
            emit(session, "thing.changed", "flights", name, {"step": step})
    assert [consume("test", ("thing.changed",), note, limit=2) for _ in range(3)] == [2, 1, 0]
    assert seen == [("three", 1), ("one", 2), ("two", 2)]


def test_an_event_whose_handling_fails_comes_again(own_home: Path) -> None:
    def fail(_session: Session, event: Event) -> None:
        raise RuntimeError(event.object)

    with writing() as session:
        emit(session, "thing.changed", "flights", "one", {})
    with pytest.raises(RuntimeError):
        consume("test", ("thing.changed",), fail)
    assert consume("test", ("thing.changed",), lambda _session, _event: None) == 1
