"""Whoever answers for features keeps the contract: our shared feature server, and stock Feast itself over the same repository."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from contracts.features import ENTITY, NOON, SERVICE, VIEW, FeaturesContract, contract_repository
from small_platform import CHECKOUT, Small, forget_settings, free_port, make_people

import feature_store
import tenancy
from atrium.errors import Forbidden
from atrium.home import get_home
from atrium.identity import Actor, Kind, Role
from atrium.lineage import Node, NodeKind, trace
from feature_store.backends import FeastServer, Features
from feature_store.models import Answer, FeaturesMissing, FeaturesRefused, OnlineValue
from feature_store.repository import features_folder

pytestmark = [pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    patch, folder, port = pytest.MonkeyPatch(), tmp_path_factory.mktemp("f"), free_port()
    patch.setenv("ATRIUM_HOME", str(folder))
    patch.setenv("ATRIUM_PORT", str(port))
    forget_settings()
    found = Small(folder, port, os.environ | {"PYTHONPATH": str(CHECKOUT)})
    make_people(found)
    for project in ("flights", "digits"):
        contract_repository(project)
    found.start("feature_store.server")
    yield found
    found.stop()
    patch.undo()
    forget_settings()


class TestFeastServer(FeaturesContract):
    """The shared feature server, over its socket."""

    @pytest.fixture
    def features(self, small: Small) -> Features:
        return FeastServer(tenancy.actor_of_token(small.token), "flights")


class StockFeast:
    """Feast's own library over the repository as a step sees it."""

    def __init__(self, folder: Path) -> None:
        from feast import FeatureStore

        self.store = FeatureStore(repo_path=str(folder))

    def registry(self) -> Mapping[str, Any]:
        kinds = {"entities": self.store.list_entities(), "feature_views": self.store.list_feature_views(),
                 "feature_services": self.store.list_feature_services()}  # fmt: skip
        return {kind: [{"name": one.name} for one in found] for kind, found in kinds.items()}

    def read_online(self, service: str, entities: Mapping[str, Sequence[object]]) -> dict[str, list[OnlineValue]]:
        names = list(entities)
        rows = [dict(zip(names, values, strict=True)) for values in zip(*entities.values(), strict=True)]
        answer = self.store.get_online_features(self.store.get_feature_service(service), rows)
        found = answer.to_dict(include_event_timestamps=True)
        return {
            name: [OnlineValue(value, datetime.fromtimestamp(at, UTC) if at else None)
                   for value, at in zip(found[name], found[f"{name}__ts"], strict=True)]
            for name in found if not name.endswith("__ts")
        }  # fmt: skip

    def read_past(self, service: str, rows: Sequence[Mapping[str, object]]) -> Answer:
        frame = pd.DataFrame([dict(row) for row in rows])
        frame["event_timestamp"] = pd.to_datetime(frame["event_timestamp"], utc=True)
        found = self.store.get_historical_features(frame, self.store.get_feature_service(service)).to_df()
        found = found.astype(object).where(found.notna(), None)
        return Answer([str(one) for one in found.columns], [tuple(row) for row in found.to_numpy().tolist()], False)

    def materialize(self, views: Sequence[str], start: datetime, end: datetime) -> None:
        self.store.materialize(start, end, feature_views=list(views))


class TestStockFeast(FeaturesContract):
    """Stock Feast answers alike, so that a step and the platform never disagree."""

    refuses_unknown_rows = Exception  # Feast has errors of its own for each

    @pytest.fixture
    def features(self, small: Small) -> Features:
        return StockFeast(features_folder(get_home().data("digits")))


@pytest.fixture
def ada(small: Small) -> Actor:
    return tenancy.actor_of_token(small.token)


def test_materializing_leaves_an_edge_from_the_datasets_version(small: Small, ada: Actor) -> None:
    feature_store.materialize(ada, "flights", [VIEW], NOON)
    found = [(edge.source, edge.target) for edge in trace("flights", Node(NodeKind.FEATURE_VIEW, VIEW))]
    assert found == [(Node(NodeKind.DATASET, "prices", "0"), Node(NodeKind.FEATURE_VIEW, VIEW))]
    assert tenancy.list_audit(ada, "flights")[0].action == "features.materialize"


def test_entities_of_a_service_are_those_in_the_datasets_that_its_views_read(small: Small, ada: Actor) -> None:
    assert feature_store.entity_values(ada, "flights", SERVICE) == {ENTITY: ["a"]}
    with pytest.raises(FeaturesRefused, match="nowhere"):
        feature_store.entity_values(ada, "flights", "nowhere")


def test_rights_hold_for_each_way_of_asking(small: Small) -> None:
    vic = Actor("vic", Kind.TOKEN, {"flights": Role.VIEWER})
    assert feature_store.read_online(vic, "flights", SERVICE, {ENTITY: ["a"]})
    assert feature_store.point_in_time_sample(
        vic, "flights", SERVICE, [{ENTITY: "a", "event_timestamp": NOON.isoformat()}]
    ).rows
    with pytest.raises(Forbidden):
        feature_store.materialize(vic, "flights", [VIEW], NOON)
    with pytest.raises(Forbidden):
        feature_store.point_in_time_sample(vic, "digits", SERVICE, [{ENTITY: "a", "event_timestamp": NOON.isoformat()}])
    with pytest.raises(Forbidden):
        feature_store.entity_values(vic, "digits", SERVICE)
    with pytest.raises(FeaturesRefused):  # past service.py the server judges itself
        FeastServer(vic, "digits").registry()


@pytest.mark.parametrize(
    "rows",
    [[], [{ENTITY: "a"}], [{ENTITY: "a", "event_timestamp": "yesterday"}], [{ENTITY: "a", "event_timestamp": NOON.isoformat()}] * 1001],
    ids=["none", "no moment", "no ISO moment", "too many"],
)  # fmt: skip
def test_wrong_rows_are_refused_in_words(small: Small, ada: Actor, rows: list[dict[str, object]]) -> None:
    with pytest.raises(FeaturesRefused) as told:
        feature_store.point_in_time_sample(ada, "flights", SERVICE, rows)
    assert told.value.next_step


def test_a_project_without_features_says_what_to_do(small: Small, ada: Actor) -> None:
    root = Actor("root", Kind.PLATFORM, administrator=True)
    tenancy.create_project(root, "empty")
    with pytest.raises(FeaturesMissing, match="pipeline"):
        feature_store.registry(root, "empty")
