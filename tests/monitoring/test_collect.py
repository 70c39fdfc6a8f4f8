"""What is measured, from the real front door and from our own tables."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from door_platform import Door, running_door
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from small_platform import until

from app.door.config import route_configuration
from app.door.rights import write_resource
from atrium.clock import now
from atrium.database import writing
from atrium.identity import Actor
from atrium.metrics import samples, written
from monitoring.collect import COLLECTORS, collect
from monitoring.collect.door import collect_door
from workflows.models import ScheduleRow, SlotRow, SlotState

ON_BOTH_DATABASES = True


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with running_door(tmp_path_factory.mktemp("h")) as running:
        yield running


def value(families: list[Metric], name: str, **labels: str) -> float:
    found = [one[2] for one in samples(families) if one[0] == name and labels.items() <= one[1].items()]
    return sum(found)


def test_the_door_counts_services_components_and_refusals(door: Door) -> None:
    write_resource("routes", route_configuration(["flights--delay"]))
    asked = {"project": "flights", "service": "delay"}

    def counted() -> bool:
        assert door.ask("/v2/models/flights--delay/infer", "POST", json={}).status_code == 200
        assert door.ask("/v2/models/digits--digit/infer", "POST", json={}).status_code == 403
        door.ask("/api/v1/me")
        found = list(collect_door())
        timed = value(found, "atrium_service_request_duration_seconds_count", **asked)  # filled every five seconds
        return timed > 0 and value(found, "atrium_service_requests_total", code_class="2xx", **asked) > 0

    until(counted, "the door's numbers")
    found = list(collect_door())
    assert value(found, "atrium_service_requests_total", code_class="5xx", **asked) == 0
    assert value(found, "atrium_upstream_requests_total", component="api", code_class="2xx") > 0
    assert value(found, "atrium_door_requests_total", port="door", code_class="4xx") > 0
    assert value(found, "atrium_door_refused_total", by="rights") > 0
    bounds = {one[1]["le"] for one in samples(found) if one[0] == "atrium_service_request_duration_seconds_bucket"}
    assert {"0.001", "1.0", "+Inf"} <= bounds


def test_the_doors_text_is_read_back_whole(door: Door) -> None:
    text = written(collect_door(), atrium_instance="x")
    read = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert read["atrium_service_requests"] == "counter"
    assert read["atrium_upstream_request_duration_seconds"] == "histogram"


def test_a_source_that_does_not_answer_is_named_and_the_rest_is_told(people: dict[str, Actor]) -> None:
    found = collect({name: COLLECTORS[name] for name in ("door", "argo", "machine", "runs", "services")})
    up = {one[1]["source"]: one[2] for one in samples(found) if one[0] == "atrium_collector_up"}
    assert up == {"door": 0.0, "argo": 0.0, "machine": 1.0, "runs": 1.0, "services": 1.0}
    assert value(found, "atrium_disk_free_bytes") > 0


def test_processes_are_found_by_their_supervisor(own_home: Path) -> None:
    assert [one for one in samples(collect({"processes": COLLECTORS["processes"]})) if "collector" not in one[0]] == []


def test_a_schedules_waiting_slot_is_late_and_a_missed_one_is_lost(people: dict[str, Actor]) -> None:
    def slot(pipeline: str, state: SlotState) -> SlotRow:
        return SlotRow(project="flights", pipeline=pipeline, moment=now() - timedelta(minutes=5), revision=0, run="r",
                       state=state, reason="")  # fmt: skip

    with writing() as session:
        for name in ("late", "missed", "asleep"):
            session.add(
                ScheduleRow(project="flights", pipeline=name, crontab="* * * * *", timezone="UTC", parameters={}, overlap="Allow",
                            catch_up_minutes=60, suspended=name == "asleep", owner="ben", changed_at=now(), looked_at=now())
            )  # fmt: skip
        session.add_all([slot("late", SlotState.DUE), slot("missed", SlotState.MISSED), slot("asleep", SlotState.DUE)])
    found = collect({"schedules": COLLECTORS["schedules"]})
    assert value(found, "atrium_schedule_lag_seconds", pipeline="late") == pytest.approx(300, abs=60)
    assert value(found, "atrium_schedule_lag_seconds", pipeline="missed") == 0
    assert value(found, "atrium_schedule_last_slot_lost", pipeline="missed") == 1
    assert value(found, "atrium_schedule_last_slot_lost", pipeline="late") == 0
    assert value(found, "atrium_schedule_lag_seconds", pipeline="asleep") == 0
