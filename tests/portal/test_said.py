"""What services answer and say, as their page and the overview tell it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import serving
from atrium.clock import now
from model_registry import ModelVersionView
from portal.ui import age, dated, when
from portal.views import models, schedule
from portal.views.models_in_use import quality
from portal.views.services import answer_rows
from portal.words import engine


def test_a_version_that_failed_its_check_through_an_alias_says_so() -> None:
    follows = replace(service({}), wanted_version="champion", live_version="1", state=serving.ServiceState.FAILED)
    told = [
        models._state(ModelVersionView("m", number, "r", now(), "READY", aliases, {}, "", ""), [follows]).said
        for number, aliases in (("1", []), ("2", ["champion"]))
    ]  # fmt: skip
    assert [one["text"] for one in told] == ["In service", "Failed its check"]


def service(outputs: dict[str, Any]) -> serving.ServiceView:
    moment = now()
    return serving.ServiceView(
        "p", "s", "m", "1", "1", serving.ServiceState.LIVE, "", "http://localhost/v2/models/p--s", {"outputs": outputs}, {}, {},
        "someone", moment, moment,
    )  # fmt: skip


def test_a_titled_probability_stands_for_the_second_class_and_a_label_for_its_name() -> None:
    one = service({"probabilities": {"title": "Arrives late", "classes": ["on time", "late"]}})
    rows = answer_rows(one, {"label": 0, "probabilities": [0.66, 0.34]})
    assert [row[1:] for row in rows] == [["on time", ""], ["late", "34.0%"]]
    assert rows[1][0] == "Arrives late"


def test_several_classes_stand_all_and_what_no_class_is_stands_as_it_is() -> None:
    one = service({"probabilities": {"title": "Digit", "classes": ["zero", "one", "two"]}})
    rows = answer_rows(one, {"label": 7, "probabilities": [0.5, 0.3, 0.2]})
    assert [row[1:] for row in rows] == [["", "7"], ["zero", "50.0%"], ["one", "30.0%"], ["two", "20.0%"]]
    assert [row[1:] for row in answer_rows(service({}), {"price": 2.5, "shares": [0.2, 0.8]})] == [
        ["", "2.5"], ["0", "20.0%"], ["1", "80.0%"],
    ]  # fmt: skip


def test_what_still_serves_is_told_beside_a_translated_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_", lambda text: f"<{text}>")
    monkeypatch.setattr(engine, "message", lambda text: f"[{text}]")
    assert engine.of_service("It broke. Version 3 still serves.") == "[It broke.] <Version 3 still serves.>"
    assert engine.of_service("It broke.") == "[It broke.]"


@pytest.mark.parametrize(
    ("crontab", "told"),
    [
        ("@daily", "every day at 00:00 · @daily"), ("5 14 * * *", "every day at 14:05 · 5 14 * * *"),
        ("30 2 * * 1-5", "Monday to Friday at 02:30 · 30 2 * * 1-5"), ("0 8 * * 1", "every week on Monday at 08:00 · 0 8 * * 1"),
        ("99 8 * * 1", "99 8 * * 1"), ("* * * * *", "every minute · * * * * *"), ("*/5 * * * *", "every 5 minutes · */5 * * * *"),
        ("@every 90m", "every 90 minutes · @every 90m"), ("*/7 * * * *", "*/7 * * * *"), ("*/0 * * * *", "*/0 * * * *"),
    ],
)  # fmt: skip
def test_usual_times_of_a_schedule_are_told_in_words(crontab: str, told: str) -> None:
    assert schedule.in_words(crontab) == told


def test_what_is_long_ago_is_told_by_its_day_and_what_is_not_by_its_age() -> None:
    then = "2014-01-01T04:00:00+00:00"
    assert (age(then), dated(then)) == ("2014-01-01", "2014-01-01 04:00:00 UTC")
    lately = now() - timedelta(days=3)
    assert dated(lately) == f"{when(lately)} (3 days ago)"


def test_a_models_quality_is_told_by_its_test_data_where_it_was_tested() -> None:
    assert (
        quality({"validation_loss": 0.5, "test_accuracy": 0.91666, "test_log_loss": 0.3})
        == "accuracy 0.917 · log loss 0.3"
    )
    assert (quality({"loss": 0.25}), quality({})) == ("loss 0.25", "–")
