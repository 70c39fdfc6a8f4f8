"""Where the paths of a container lie: links lead where they led it, and never to what it could not see."""

from dataclasses import replace

import pytest

from workflows.engine.beneath import Spot
from workflows.engine.files import Artifacts
from workflows.engine.images import Image
from workflows.engine.sandbox import Container, Mount
from workflows.engine.views import View


@pytest.fixture
def container(tmp_path):
    for name in ("root/tmp", "root/etc", "root/opt", "claim", "etc", "image/etc", "image/opt"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "root/etc/hosts").symlink_to("/etc/.machine/hosts")
    (tmp_path / "root/bin").symlink_to("usr/bin")
    (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (tmp_path / "claim/kept").write_text("kept")
    mounts = (Mount(tmp_path / "claim", "/data"),)
    return Container(tmp_path, "main", tmp_path / "root", ["true"], {}, Image("busybox", ""), mounts=mounts)


def seen(container, path):
    return View(container, container.folder / "etc").find(path).path


def test_links_lead_where_they_led_the_container(container, tmp_path):
    (tmp_path / "root/tmp/real").write_text("real")
    (tmp_path / "root/tmp/one").symlink_to("/tmp/real")
    (tmp_path / "root/tmp/data").symlink_to("../data")
    (tmp_path / "claim/back").symlink_to("/tmp/one")
    assert seen(container, "/tmp/one") == tmp_path / "root/tmp/real"
    assert seen(container, "/tmp/data/kept") == tmp_path / "claim/kept"
    assert seen(container, "/data/back") == tmp_path / "root/tmp/real"
    assert seen(container, "/etc/hosts") == tmp_path / "etc/hosts"
    assert str(seen(container, "/bin/python3")).startswith("/usr/")


@pytest.mark.parametrize("target", ["/../../secret", "../../../../../../secret", "/secret"])
def test_no_link_leads_to_what_the_container_could_not_see(container, tmp_path, target):
    (tmp_path / "secret").write_text("of the server")
    (tmp_path / "root/tmp/out").symlink_to(target)
    assert seen(container, "/tmp/out") == tmp_path / "root/secret"
    (tmp_path / "root/tmp/whole").symlink_to(tmp_path)
    assert not seen(container, "/tmp/whole/secret").exists()


def test_links_in_a_circle_are_nothing(container, tmp_path):
    (tmp_path / "root/tmp/a").symlink_to("b")
    (tmp_path / "root/tmp/b").symlink_to("a")
    assert not seen(container, "/tmp/a").exists()


def test_a_file_of_the_image_is_found_where_the_image_is_a_root(container, tmp_path):
    (tmp_path / "image/etc/issue").write_text("of the image")
    (tmp_path / "image/opt/link").symlink_to("/etc/issue")
    (tmp_path / "root/etc/issue").write_text("not seen")
    whole = replace(container, image=replace(container.image, root=tmp_path / "image"))
    assert seen(whole, "/opt/link") == tmp_path / "image/etc/issue"
    assert seen(whole, "/tmp/new") == tmp_path / "root/tmp/new"
    assert seen(whole, "/etc/hosts") == tmp_path / "etc/hosts"


@pytest.mark.parametrize("archive", [{}, {"zip": {}}, {"none": {}}])
def test_an_artifact_that_is_a_link_is_kept_as_what_it_leads_to_under_its_own_name(container, tmp_path, archive):
    store = Artifacts(tmp_path / "store", "flights")
    kept = store.take(
        {"name": "hosts", "path": "/etc/hosts", "archive": archive}, "key", View(container, tmp_path / "etc").find
    )
    given = tmp_path / "given"
    store.put({**kept, "name": "hosts", "path": "/given"}, lambda _path: Spot(tmp_path, "given"))
    assert given.read_text() == "127.0.0.1 localhost\n"
