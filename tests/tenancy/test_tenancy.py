"""Who may do what, and what ends when."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import tenancy
from atrium.clock import now
from atrium.errors import Forbidden, Invalid, NotSignedIn
from atrium.identity import Actor, Kind, Role, mint_identity, platform_actor, read_identity

ON_BOTH_DATABASES = True
PASSWORD = "correct horse battery"


@pytest.fixture
def ada(own_home: Path) -> Actor:
    tenancy.create_user(platform_actor("test"), "ada", PASSWORD, administrator=True)
    who = tenancy.actor_of_session(tenancy.sign_in("ada", PASSWORD, "here"))
    tenancy.create_project(who, "flights")
    return tenancy.refresh(who)


@pytest.fixture
def bob(ada: Actor) -> Actor:
    tenancy.create_user(ada, "bob", PASSWORD)
    tenancy.add_member(ada, "flights", "bob", Role.ENGINEER)
    return tenancy.actor_of_session(tenancy.sign_in("bob", PASSWORD, "there"))


def test_a_token_holds_its_owners_present_rights(ada: Actor, bob: Actor) -> None:
    _, text = tenancy.create_token(bob, "ci", ["flights"])
    assert tenancy.actor_of_token(text).roles == {"flights": Role.ENGINEER}
    tenancy.add_member(ada, "flights", "bob", Role.VIEWER)
    assert tenancy.actor_of_token(text).roles == {"flights": Role.VIEWER}


def test_a_person_who_left_is_refused_at_the_door(ada: Actor, bob: Actor) -> None:
    tenancy.create_token(bob, "ci", ["flights"])
    tenancy.remove_member(ada, "flights", "bob")
    assert tenancy.revocations().left == {("bob", "flights")}


def test_a_revoked_token_is_refused(bob: Actor) -> None:
    view, text = tenancy.create_token(bob, "ci", ["flights"])
    tenancy.revoke_token(bob, view.id)
    with pytest.raises(NotSignedIn):
        tenancy.actor_of_token(text)
    assert view.id in tenancy.revocations().tokens


def test_a_token_for_a_foreign_project_is_not_made(ada: Actor, bob: Actor) -> None:
    tenancy.create_project(ada, "digits")
    with pytest.raises(Forbidden, match="digits"):
        tenancy.create_token(bob, "ci", ["digits"])


def test_a_token_that_lives_too_long_is_not_made(bob: Actor) -> None:
    with pytest.raises(Invalid, match="366"):
        tenancy.create_token(bob, "ci", ["flights"], days=1000)


def test_a_runs_token_ends_with_the_run(ada: Actor) -> None:
    text = tenancy.issue_run_token("ada", "flights", "run-1")
    assert tenancy.actor_of_token(text).run == "run-1"
    tenancy.end_run_tokens("flights", "run-1")
    with pytest.raises(NotSignedIn):
        tenancy.actor_of_token(text)


def test_a_runs_token_is_given_again_to_its_steps_alone_and_until_it_ended(ada: Actor) -> None:
    tenancy.issue_run_token("ada", "flights", "run-1")
    again = tenancy.actor_of_token(tenancy.token_of_run("flights", "run-1"))
    assert (again.name, again.run) == ("ada", "run-1")
    for project, run in (("digits", "run-1"), ("flights", "run-2")):
        with pytest.raises(tenancy.RunTokenNotFound):
            tenancy.token_of_run(project, run)
    tenancy.end_tokens_of_ended(
        "flights", {"run-1": now() - timedelta(hours=1)}
    )  # it ended before: this token is a retry's
    assert tenancy.token_of_run("flights", "run-1")
    tenancy.end_tokens_of_ended("digits", {"run-1": now()})
    tenancy.end_tokens_of_ended("flights", {"run-1": now()})
    with pytest.raises(tenancy.RunTokenNotFound):
        tenancy.token_of_run("flights", "run-1")


def test_a_session_cookie_is_no_token(ada: Actor) -> None:
    with pytest.raises(NotSignedIn):
        tenancy.actor_of_token(tenancy.sign_in("ada", PASSWORD, "here"))


def test_wrong_passwords_are_slowed_down(ada: Actor) -> None:
    for _ in range(4):
        with pytest.raises(tenancy.WrongPassword):
            tenancy.sign_in("ada", "wrong", "elsewhere")
    with pytest.raises(tenancy.SignInSlowedDown, match="again in"):
        for _ in range(12):  # the wait doubles each time, so that no machine is too slow to see it
            with suppress(tenancy.WrongPassword):
                tenancy.sign_in("ada", "wrong", "elsewhere")


def test_a_secret_is_kept_encrypted(ada: Actor, own_home: Path) -> None:
    tenancy.set_secret(ada, "flights", "db.password", "tell nobody")
    assert tenancy.read_secrets("flights") == {"db.password": "tell nobody"}
    assert b"tell nobody" not in b"".join(path.read_bytes() for path in own_home.glob("atrium.db*"))


def test_a_viewer_manages_nothing(ada: Actor, bob: Actor) -> None:
    tenancy.add_member(ada, "flights", "bob", Role.VIEWER)
    with pytest.raises(Forbidden, match="role admin"):
        tenancy.set_secret(tenancy.refresh(bob), "flights", "name", "value")


def test_each_change_leaves_an_audit_line(ada: Actor, bob: Actor) -> None:
    actions = [line.action for line in tenancy.list_audit(ada, None).items]
    assert {"user.create", "project.create", "member.set", "session.open"} <= set(actions)


def test_a_tokens_making_and_end_are_in_the_audit_of_each_of_its_projects(ada: Actor) -> None:
    tenancy.create_project(ada, "digits")
    ada = tenancy.refresh(ada)
    made, _ = tenancy.create_token(ada, "ci", ["flights", "digits"])
    tenancy.revoke_token(ada, made.id)
    for project in ("flights", "digits"):
        found = [(line.action, line.object) for line in tenancy.list_audit(ada, project, holding="TOKEN.")]
        assert found == [("token.revoke", "ci"), ("token.create", "ci")]
    assert [line.action for line in tenancy.list_audit(ada, "flights", holding="%")] == []


def test_an_identity_with_another_signature_is_refused(ada: Actor) -> None:
    head, body, signature = mint_identity(ada).split(".")
    with pytest.raises(NotSignedIn):
        read_identity(f"{head}.{body}.{signature[::-1]}")


def test_an_items_session_opens_no_other_item(ada: Actor) -> None:
    code = tenancy.content_code(ada, "demo--flights")
    cookie = tenancy.redeem_content_code(code, "demo--flights")
    assert tenancy.actor_of_content_session(cookie, "demo--flights").name == "ada"
    with pytest.raises(NotSignedIn):
        tenancy.actor_of_content_session(cookie, "other--flights")
    with pytest.raises(NotSignedIn):
        tenancy.redeem_content_code(code, "demo--flights")


@pytest.mark.parametrize("kind", [Kind.TOKEN, Kind.RUN, Kind.CONTENT])
def test_a_token_makes_no_token(ada: Actor, bob: Actor, kind: Kind) -> None:
    with pytest.raises(Forbidden, match="people make tokens"):
        tenancy.create_token(replace(bob, kind=kind), "outlives", ["flights"])


def test_a_person_ends_a_token_by_means_of_a_token(ada: Actor, bob: Actor) -> None:
    view, text = tenancy.create_token(bob, "ci", ["flights"])
    tenancy.revoke_token(tenancy.actor_of_token(text), view.id)
    assert view.id in tenancy.revocations().tokens


@pytest.mark.parametrize("kind", [Kind.RUN, Kind.CONTENT])
def test_the_token_of_a_run_or_demo_ends_no_other(ada: Actor, bob: Actor, kind: Kind) -> None:
    view, _ = tenancy.create_token(bob, "ci", ["flights"])
    guest = replace(bob, kind=kind)
    with pytest.raises(Forbidden):
        tenancy.revoke_token(guest, view.id)


def test_a_runs_token_manages_nothing_although_its_starter_may(ada: Actor) -> None:
    run = tenancy.actor_of_token(tenancy.issue_run_token("ada", "flights", "run-1"))
    assert run.roles == {"flights": Role.ADMIN}
    for act in (lambda: tenancy.add_member(run, "flights", "ada", Role.VIEWER), lambda: tenancy.set_secret(run, "flights", "a", "b"),
                lambda: tenancy.create_project(run, "own"), lambda: tenancy.create_user(run, "friend", PASSWORD)):  # fmt: skip
        with pytest.raises(Forbidden):
            act()


def test_signing_in_again_makes_another_session(ada: Actor) -> None:
    first, second = (tenancy.sign_in("ada", PASSWORD, "here") for _ in range(2))
    assert tenancy.actor_of_session(first).credential != tenancy.actor_of_session(second).credential


def test_a_new_password_ends_the_other_sessions(ada: Actor, bob: Actor) -> None:
    stale = tenancy.sign_in("bob", PASSWORD, "elsewhere")
    tenancy.set_password(bob, "bob", "another long password", PASSWORD)
    assert tenancy.refresh(bob).name == "bob"
    with pytest.raises(NotSignedIn):
        tenancy.actor_of_session(stale)


def test_a_person_who_is_kept_out_is_out_with_sessions_and_tokens(ada: Actor, bob: Actor) -> None:
    view, text = tenancy.create_token(bob, "ci", ["flights"])
    tenancy.set_active(ada, "bob", False)
    for ask in (lambda: tenancy.refresh(bob), lambda: tenancy.actor_of_token(text)):
        with pytest.raises(NotSignedIn):
            ask()
    assert view.id in tenancy.revocations().tokens


def test_a_change_of_rights_is_counted_and_a_change_of_something_else_is_not(ada: Actor, bob: Actor) -> None:
    seen = [tenancy.rights_version()]

    def counted(act: Callable[[], object]) -> bool:
        act()
        seen.append(tenancy.rights_version())
        return seen[-1] != seen[-2]

    view, _ = tenancy.create_token(bob, "ci", ["flights"])
    assert counted(lambda: tenancy.revoke_token(bob, view.id))
    assert counted(lambda: tenancy.add_member(ada, "flights", "bob", Role.VIEWER))
    assert counted(lambda: tenancy.remove_member(ada, "flights", "bob"))
    assert counted(lambda: tenancy.set_active(ada, "bob", False))
    assert counted(lambda: tenancy.create_project(ada, "digits"))
    assert counted(lambda: tenancy.issue_run_token("ada", "flights", "run-1"))
    assert counted(lambda: tenancy.end_run_tokens("flights", "run-1"))
    assert not counted(lambda: tenancy.set_secret(ada, "flights", "KEY", "value"))
    assert not counted(lambda: tenancy.sign_in("ada", PASSWORD, "here"))
