"""Secrets by REST: set, listed by name, deleted; their values come back to nobody."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

import tenancy
from app.rest import create_app
from atrium.errors import Forbidden
from atrium.identity import IDENTITY_HEADER, Actor, Role, mint_identity, platform_actor

PASSWORD = "correct horse battery"
SECRETS = "/api/v1/projects/flights/secrets"


@pytest.fixture
def ada(own_home: Path) -> Actor:
    boss = platform_actor("test")
    tenancy.create_user(boss, "ada", PASSWORD, administrator=True)
    tenancy.create_project(boss, "flights")
    return tenancy.actor_of_session(tenancy.sign_in("ada", PASSWORD, "here"))


def client(who: Actor) -> TestClient:
    return TestClient(create_app(), headers={IDENTITY_HEADER: mint_identity(who)})


def test_a_secret_is_set_listed_by_name_and_deleted(ada: Actor) -> None:
    asked = client(ada)
    assert asked.put(f"{SECRETS}/db.password", json={"value": "hush-hush"}).status_code == 204
    listed = asked.get(SECRETS)
    assert [one["name"] for one in listed.json()["items"]] == ["db.password"]
    assert "hush-hush" not in listed.text
    assert asked.get(f"{SECRETS}/db.password").status_code == 405
    assert tenancy.read_secrets("flights") == {"db.password": "hush-hush"}
    assert asked.delete(f"{SECRETS}/db.password").status_code == 204
    assert asked.delete(f"{SECRETS}/db.password").status_code == 404
    noted = [(one.action, one.object) for one in tenancy.list_audit(ada, "flights").items]
    assert noted[:2] == [("secret.delete", "db.password"), ("secret.set", "db.password")]
    assert "hush-hush" not in str(tenancy.list_audit(ada, "flights"))


def test_an_engineer_sees_names_and_sets_nothing_and_a_viewer_sees_nothing(ada: Actor) -> None:
    client(ada).put(f"{SECRETS}/key", json={"value": "hush-hush"})
    for name, role in (("eng", Role.ENGINEER), ("view", Role.VIEWER)):
        tenancy.create_user(ada, name, PASSWORD)
        tenancy.add_member(ada, "flights", name, role)
    engineer, viewer = (
        client(tenancy.actor_of_session(tenancy.sign_in(who, PASSWORD, "x"))) for who in ("eng", "view")
    )
    assert (engineer.get(SECRETS).status_code, viewer.get(SECRETS).status_code) == (200, 403)
    for asked in (engineer, viewer):
        assert asked.put(f"{SECRETS}/key", json={"value": "mine"}).status_code == 403
        assert asked.delete(f"{SECRETS}/key").status_code == 403
    assert tenancy.read_secrets("flights") == {"key": "hush-hush"}


@pytest.mark.parametrize("value", ["", "x" * 70_000])
def test_a_value_out_of_bounds_is_refused_without_being_repeated(ada: Actor, value: str) -> None:
    answer = client(ada).put(f"{SECRETS}/key", json={"value": value})
    assert answer.status_code == 400
    assert "xxx" not in answer.text


def test_the_administrator_alone_sets_how_many_workflows_a_project_runs(ada: Actor) -> None:
    path = "/api/v1/projects/flights/parallelism"
    tenancy.create_user(ada, "boss", PASSWORD)
    tenancy.add_member(ada, "flights", "boss", Role.ADMIN)
    boss = client(tenancy.actor_of_session(tenancy.sign_in("boss", PASSWORD, "x")))
    assert boss.put(path, json={"limit": 3}).status_code == 403
    assert client(ada).put(path, json={"limit": 3}).status_code == 204
    assert tenancy.parallelism_limits() == {"flights": 3}
    assert tenancy.get_project(ada, "flights").parallelism == 3
    refused = client(ada).put(path, json={"limit": -1})
    assert (refused.status_code, "from 0 (none) to" in refused.text) == (400, True)
    assert client(ada).put("/api/v1/projects/nobody/parallelism", json={"limit": 1}).status_code == 404
    assert client(ada).put(path, json={"limit": None}).status_code == 204
    assert tenancy.parallelism_limits() == {}
    noted = [(one.action, one.detail) for one in tenancy.list_audit(ada, "flights").items if "parallel" in one.action]
    assert noted == [("project.parallelism", "the setting"), ("project.parallelism", "3")]


def test_a_projects_admin_gives_it_another_title_and_the_administrator_sees_all_with_their_members(ada: Actor) -> None:
    path = "/api/v1/projects/flights/title"
    tenancy.create_user(ada, "eve", PASSWORD)
    tenancy.add_member(ada, "flights", "eve", Role.ENGINEER)
    eve = client(tenancy.actor_of_session(tenancy.sign_in("eve", PASSWORD, "x")))
    assert eve.put(path, json={"title": "Hers"}).status_code == 403
    assert client(ada).put(path, json={"title": " Delays of flights "}).status_code == 204
    assert tenancy.get_project(ada, "flights").title == "Delays of flights"
    for title in ("  ", "x" * 121):
        assert client(ada).put(path, json={"title": title}).status_code == 400
    assert client(ada).put("/api/v1/projects/nobody/title", json={"title": "x"}).status_code == 404
    assert tenancy.list_audit(ada, "flights").items[0].detail == "Delays of flights"
    members = len(tenancy.list_members(ada, "flights").items)
    assert tenancy.members_of_all(ada)["flights"] == members >= 1
    with pytest.raises(Forbidden):
        tenancy.members_of_all(tenancy.actor_of_session(tenancy.sign_in("eve", PASSWORD, "x")))
