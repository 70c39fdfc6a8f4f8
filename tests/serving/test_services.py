"""Services: what is wanted comes to be, what fails leaves the good one in service, what dies comes back."""

import shutil
from collections.abc import Callable

import pytest
import real_models
from small_platform import Small, forget_settings, until

import serving
import tenancy
from app.door.counted import write_routes
from atrium.errors import Conflict, Forbidden, Invalid
from atrium.home import get_home
from atrium.identity import Actor, Kind, Role
from serving.backends import TritonLocal
from serving.models import ServiceState, ServiceView
from serving.not_answered import not_answered
from serving.reconcile import reconcile, sample_figures
from serving.triton.launch import models_folder

Reconciled = Callable[[], ServiceView]


@pytest.fixture(scope="module")
def ada(platform: Small) -> Actor:
    return tenancy.actor_of_token(platform.token)


def _brought(who: Actor, version: str) -> ServiceView:
    serving.deploy(who, "flights", "flight-delay", "flight-delay", version)
    reconcile()
    return serving.get_service(who, "flights", "flight-delay")


def _row() -> dict[str, object]:
    values = real_models.flights()[0].iloc[0].to_dict()
    return {name: value if isinstance(value, str) else float(value) for name, value in values.items()}


@pytest.fixture(scope="module")
def live(ada: Actor) -> ServiceView:
    return _brought(ada, "champion")


def test_a_service_is_live_after_the_platform_got_a_good_answer_through_the_door(live: ServiceView) -> None:
    assert (live.state, live.live_version, live.message) == (ServiceState.LIVE, "1", "")


def test_a_live_service_answers_as_onnxruntime_does(ada: Actor, live: ServiceView) -> None:
    answer = serving.try_service(ada, "flights", "flight-delay", [_row()])
    _, probabilities = real_models.direct(real_models.flights()[0].head(1))
    assert answer[0]["probabilities"] == pytest.approx(probabilities[0].tolist(), abs=1e-7)


def test_a_version_whose_answers_are_not_numbers_never_serves_and_says_why(ada: Actor, live: ServiceView) -> None:
    failed = _brought(ada, "2")
    assert failed.state is ServiceState.FAILED and failed.live_version == "1"
    assert "finite" in failed.message and "Version 1 still serves" in failed.message
    assert serving.try_service(ada, "flights", "flight-delay", [_row()])
    assert _brought(ada, "champion").state is ServiceState.LIVE


def test_a_service_follows_its_alias(ada: Actor, live: ServiceView, monkeypatch: pytest.MonkeyPatch) -> None:
    import model_registry
    import serving.reconcile as module

    monkeypatch.setattr(module, "ALIAS_SECONDS", 0.0)
    module.memory().aliases.clear()
    model_registry.set_alias(ada, "flights", "flight-delay", "champion", "3")

    def follows() -> bool:
        reconcile()
        return serving.get_service(ada, "flights", "flight-delay").live_version == "3"

    until(follows, "version 3", 20)


def test_services_come_back_after_triton_was_killed(platform: Small, ada: Actor, live: ServiceView) -> None:
    platform.kill("serving.triton")
    platform.start("serving.triton")

    def answers() -> bool:
        reconcile()
        return serving.get_service(ada, "flights", "flight-delay").state is ServiceState.LIVE

    until(answers, "the service", 20)
    assert serving.try_service(ada, "flights", "flight-delay", [_row()])


def test_a_replica_that_starts_without_any_file_loads_what_is_live_and_says_so_then(
    platform: Small, ada: Actor, live: ServiceView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATRIUM_REPLICAS", f"127.0.0.1:{platform.port}")
    forget_settings()
    platform.kill("serving.triton")
    shutil.rmtree(models_folder())
    get_home().loaded.unlink(missing_ok=True)
    platform.start("serving.triton")

    def loaded() -> bool:
        reconcile()
        assert (
            serving.get_service(ada, "flights", "flight-delay").state is ServiceState.LIVE
        )  # another replica serves it
        return get_home().loaded.exists()

    until(loaded, "the service here", 20)
    assert serving.try_service(ada, "flights", "flight-delay", [_row()])


def test_requests_are_counted_over_a_restart_of_the_counters(ada: Actor, live: ServiceView) -> None:
    sample_figures()
    before = serving.requests_today(ada, "flights").succeeded
    serving.try_service(ada, "flights", "flight-delay", [_row()])
    sample_figures()
    after = serving.requests_today(ada, "flights")
    assert after.succeeded == before + 1 and after.mean_milliseconds is not None


def _asked_badly(platform: Small, body: str) -> int:
    return platform.ask("POST", "/v2/models/flights--flight-delay/infer", content=body).status_code


def test_requests_that_are_wrong_themselves_are_refused_and_counted_apart_from_failed_ones(
    platform: Small, ada: Actor, live: ServiceView
) -> None:
    write_routes()
    until(lambda: "flights--flight-delay" in not_answered() or _asked_badly(platform, "{}") != 400, "the door's count")
    sample_figures()
    before = serving.requests_today(ada, "flights")
    no_number = '{"inputs": [{"name": "hour", "datatype": "FP32", "shape": [1, 1], "data": ["soon"]}]}'
    assert [_asked_badly(platform, body) for body in ("no json", "{}", '{"inputs": []}', no_number)] == [400] * 4
    sample_figures()
    after = serving.requests_today(ada, "flights")
    assert (after.refused, after.failed) == (before.refused + 4, before.failed)


def test_requests_while_the_model_server_is_away_are_counted_as_failed(
    platform: Small, ada: Actor, live: ServiceView
) -> None:
    write_routes()
    sample_figures()
    before = serving.requests_today(ada, "flights")
    platform.kill("serving.triton")
    assert _asked_badly(platform, "{}") == 503
    platform.start("serving.triton")
    until(lambda: [reconcile()] and bool(TritonLocal().live_version("flights--flight-delay")), "the service", 20)
    sample_figures()
    after = serving.requests_today(ada, "flights")
    assert (after.refused, after.failed) == (before.refused, before.failed + 1)


def test_the_platforms_own_questions_are_in_nobodys_figures(ada: Actor, live: ServiceView) -> None:
    sample_figures()
    before = serving.requests_today(ada, "flights")
    other = "3" if serving.get_service(ada, "flights", "flight-delay").live_version == "1" else "1"
    assert _brought(ada, other).live_version == other
    sample_figures()
    after = serving.requests_today(ada, "flights")
    assert (after.succeeded, after.rows) == (before.succeeded, before.rows)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"carrier": "ZZ"}, "carrier"),
        ({"hour": "soon"}, "hour"),
        ({"distance": 1e9}, "distance"),
        ({"more": 1}, "more"),
    ],
)
def test_a_row_out_of_bounds_is_refused_by_its_column(
    ada: Actor, live: ServiceView, change: dict[str, object], told: str
) -> None:
    with pytest.raises(Invalid, match=told):
        serving.try_service(ada, "flights", "flight-delay", [_row() | change])


def test_a_viewer_asks_but_does_not_deploy(live: ServiceView) -> None:
    viewer = Actor("vera", Kind.TOKEN, {"flights": Role.VIEWER})
    assert serving.try_service(viewer, "flights", "flight-delay", [_row()])
    with pytest.raises(Forbidden):
        serving.deploy(viewer, "flights", "flight-delay", "flight-delay", "1")
    with pytest.raises(Forbidden):
        serving.try_service(Actor("otto", Kind.TOKEN, {"digits": Role.ADMIN}), "flights", "flight-delay", [_row()])


def test_what_was_taken_away_answers_no_more(ada: Actor, live: ServiceView) -> None:
    serving.deploy(ada, "flights", "gone", "flight-delay", "1")
    reconcile()
    serving.undeploy(ada, "flights", "gone")
    with pytest.raises(serving.ServiceNotFound):
        serving.try_service(ada, "flights", "gone", [_row()])


def test_a_service_that_is_not_live_says_so(ada: Actor, platform: Small) -> None:
    serving.deploy(ada, "digits", "early", "digit", "1")
    with pytest.raises(Conflict, match="waiting"):
        serving.try_service(ada, "digits", "early", [{"image": [0.0] * 64}])
    serving.undeploy(ada, "digits", "early")
