"""A workflow acts for its owner: without one it is refused, or ends with a message."""

import sqlite3
from pathlib import Path

import pytest
from test_pods import single
from test_running import container

import tenancy
from atrium.home import Home
from workflows.engine.runner import Runner
from workflows.engine.store import Store
from workflows.engine.submit import take_in


def test_a_workflow_of_a_user_who_is_no_more_is_refused_and_not_kept(own_home: Path):
    home = Home(own_home)
    store = Store(home.engine / "engine.db")
    runner = Runner(home, store)
    workflow = take_in(store, "flights", single(container("main", "true")), "ghost")
    with pytest.raises(tenancy.UserNotFound, match="ghost"):
        runner.add(workflow)
    assert store.by_uid(workflow.uid) is None
    assert runner.live == {}


def test_a_workflow_whose_owner_and_token_are_gone_at_a_restart_ends_with_a_message_and_others_go_on(mortal_server):
    orphan, other = (mortal_server.submit(single(container("main", "sleep 15")))["metadata"] for _ in range(2))
    mortal_server.kill()
    engine = mortal_server.home / "engine"
    with sqlite3.connect(engine / "engine.db") as database:
        changed = "UPDATE workflows SET document = replace(document, '\"ada\"', '\"ghost\"') WHERE uid = ?"
        assert database.execute(changed, (orphan["uid"],)).rowcount == 1
    database.close()
    (engine / "tokens" / orphan["uid"]).unlink()
    mortal_server.start()
    ended = mortal_server.ended(orphan["name"])["status"]
    assert ended["phase"] == "Error"
    assert "'ghost'" in ended["message"]
    assert mortal_server.ended(other["name"])["status"]["phase"] == "Succeeded"
