"""Newest values of features in Redis: the same contract, the values are there, and what fails is told."""

import os
from collections.abc import Iterator

import pytest
from contracts.features import ENTITY, NOON, SERVICE, VIEW, FeaturesContract, contract_repository
from feast.infra.online_stores.redis import RedisOnlineStore
from hypothesis import given
from hypothesis import strategies as st
from redis_server import PASSWORD, OwnRedis, own_redis
from small_platform import CHECKOUT, Small, forget_settings, free_port, make_people

import feature_store
import tenancy
from atrium.home import get_home
from feature_store.backends import FeastServer, Features
from feature_store.models import FeaturesSilent
from feature_store.online_store import RedisRefuses, RedisSilent, connection, shown

pytestmark = [pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def redis() -> Iterator[OwnRedis]:
    with own_redis() as made:
        yield made


@pytest.fixture(scope="module")
def small(redis: OwnRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    patch, folder, port = pytest.MonkeyPatch(), tmp_path_factory.mktemp("r"), free_port()
    (folder / "address").write_text(redis.address())
    patch.setenv("ATRIUM_HOME", str(folder))
    patch.setenv("ATRIUM_PORT", str(port))
    patch.setenv("ATRIUM_REDIS_URL_FILE", str(folder / "address"))
    forget_settings()
    found = Small(folder, port, os.environ | {"PYTHONPATH": str(CHECKOUT)})
    make_people(found)
    contract_repository("flights")
    found.start("feature_store.server")
    yield found
    found.stop()
    patch.undo()
    forget_settings()


@pytest.fixture
def features(small: Small) -> Features:
    return FeastServer(tenancy.actor_of_token(small.token), "flights")


class TestFeastServerOnRedis(FeaturesContract):
    """The shared feature server with its newest values in Redis."""


def test_newest_values_are_in_redis_and_answers_come_from_there(redis: OwnRedis, features: Features) -> None:
    features.materialize([VIEW], NOON.replace(hour=0), NOON)
    file = get_home().data("flights") / "features" / "online.db"
    file.unlink(missing_ok=True)
    assert features.read_online(SERVICE, {ENTITY: ["a"]})["value"][0].value is not None
    with redis.asked() as client:
        [key] = client.keys("*flights")
        client.delete(key)
    assert features.read_online(SERVICE, {ENTITY: ["a"]})["value"][0].value is None
    assert not file.exists()


def test_a_redis_that_is_gone_is_told_and_used_again_once_it_is_back(redis: OwnRedis, features: Features) -> None:
    assert PASSWORD not in feature_store.check_online_store()
    redis.stop()
    with pytest.raises(FeaturesSilent, match="Redis of online features") as told:
        features.read_online(SERVICE, {ENTITY: ["a"]})
    assert PASSWORD not in str(told.value)
    with pytest.raises(RedisSilent):
        feature_store.check_online_store()
    redis.start()
    features.materialize([VIEW], NOON.replace(hour=0), NOON)
    assert features.read_online(SERVICE, {ENTITY: ["a"]})["value"][0].value is not None


def test_a_wrong_password_is_told(redis: OwnRedis, small: Small) -> None:
    (small.home / "address").write_text(redis.address("another"))
    with pytest.raises(RedisRefuses, match=r"127\.0\.0\.1"):
        feature_store.check_online_store()
    (small.home / "address").write_text(redis.address())
    assert feature_store.check_online_store() == shown(redis.address())


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_password_reaches_feast_as_it_is(password: str) -> None:
    from urllib.parse import quote

    address = f"rediss://me:{quote(password, safe='')}@there:7000/3?socket_timeout=9"
    nodes, values = RedisOnlineStore._parse_connection_string(connection(address))
    assert nodes == [{"host": "there", "port": "7000"}]
    assert values | {"socket_connect_timeout": 0} == {
        "username": "me", "password": password, "db": 3, "ssl": True, "socket_timeout": 9, "socket_connect_timeout": 0,
    }  # fmt: skip
