"""Images of an overlay: named from the manifests, carried by a folder to a private registry, and manifests led there."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import image_registry
import pytest
import yaml
from image_registry import PrivateRegistry, private_registry, small_image
from support import ATRIUM

from app.deploying.images.lock import NAME, ImageLockInvalid, ImageLockMissing, Lock, read_lock
from app.deploying.images.mirroring import ImageChanged, mirror, resolve
from app.deploying.images.names import STARTS, Image, images_of
from app.deploying.images.places import ImageUnreachable, Place
from app.deploying.images.rewriting import PULL_SECRET, NotMirrored, check, pull_secrets, rewritten
from app.deploying.up import SiteValueMissing, rendered
from workflows.clusters.images import full_name, kept_as
from workflows.clusters.steps import with_registry

DIGEST = "sha256:" + "ab" * 32
REGISTRY = "registry.site:5000"
POD = {"containers": [{"name": "main", "image": "postgres:15", "imagePullPolicy": "Always"}],
       "initContainers": [{"name": "first", "image": f"quay.io/a/b@{DIGEST}"}]}  # fmt: skip
OBJECTS = [
    {"kind": "Deployment", "metadata": {"name": "a", "namespace": "one", "annotations": {STARTS: "atrium/runtime:1=main x.io/y:2"}},
     "spec": {"template": {"spec": POD}}},
    {"kind": "CronJob", "metadata": {"name": "b", "namespace": "two"},
     "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "busybox:1.36"}]}}}}}},
    {"kind": "ConfigMap", "metadata": {"name": "atrium-settings", "namespace": "one"}, "data": {"image": "not:one"}},
]  # fmt: skip
needs_registry = pytest.mark.skipif(not image_registry.HERE, reason=image_registry.REASON)


@pytest.mark.parametrize(
    ("named", "full", "kept"),
    [
        ("busybox", "docker.io/library/busybox:latest", "docker.io/library/busybox:latest"),
        ("atrium/runtime:1", "docker.io/atrium/runtime:1", "docker.io/atrium/runtime:1"),
        ("localhost/a:2", "localhost/a:2", "localhost/a:2"),
        ("site:5000/a/b", "site:5000/a/b:latest", "site:5000/a/b:latest"),
        (f"quay.io/a/b@{DIGEST}", f"quay.io/a/b@{DIGEST}", "quay.io/a/b:sha256-abababababab"),
        (f"a/b:3@{DIGEST}", f"docker.io/a/b:3@{DIGEST}", "docker.io/a/b:3"),
    ],
)
def test_a_name_is_completed_as_runtimes_do_and_a_digest_alone_gets_a_tag(named: str, full: str, kept: str) -> None:
    assert (full_name(named), kept_as(full_name(named))) == (full, kept)


def test_every_image_of_the_manifests_is_found_and_none_that_is_no_image() -> None:
    found = {one.named: (one.used_by, one.same_as, one.started) for one in images_of(OBJECTS)}
    assert found == {
        "postgres:15": ("Deployment one/a", "", False),
        f"quay.io/a/b@{DIGEST}": ("Deployment one/a", "", False),
        "busybox:1.36": ("CronJob two/b", "", False),
        "atrium/runtime:1": ("Deployment one/a", "postgres:15", True),
        "x.io/y:2": ("Deployment one/a", "", True),
    }


def test_manifests_are_led_to_the_registry_by_digest_and_no_always_is_left() -> None:
    made = rewritten(OBJECTS, REGISTRY, Lock({"docker.io/library/postgres:15": DIGEST}), secret=True)
    check(made, REGISTRY)
    pod = made[0]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == f"{REGISTRY}/docker.io/library/postgres@{DIGEST}"
    assert pod["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert pod["initContainers"][0]["image"] == f"{REGISTRY}/quay.io/a/b@{DIGEST}"
    assert pod["imagePullSecrets"] == [{"name": PULL_SECRET}]
    settings = {"image": "not:one", "ATRIUM_IMAGE_REGISTRY": REGISTRY, "ATRIUM_PULL_SECRET": PULL_SECRET}
    assert (made[2]["data"], OBJECTS[2]["data"]) == (settings, {"image": "not:one"})


@pytest.mark.parametrize(
    ("image", "policy", "said"),
    [("postgres:15", "IfNotPresent", "names postgres:15"), (f"{REGISTRY}/a:1", "Always", "at each start"),
     (f"{REGISTRY}/a:latest", "", "at each start"), (f"{REGISTRY}x/a:1", "", "names")],
)  # fmt: skip
def test_what_would_go_elsewhere_or_ask_each_time_is_named(image: str, policy: str, said: str) -> None:
    container = {"name": "c", "image": image, **({"imagePullPolicy": policy} if policy else {})}
    with pytest.raises(NotMirrored) as refused:
        check([{"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}}], REGISTRY)
    assert said in refused.value.asked and "Pod p" in refused.value.asked


def test_the_pull_secret_is_made_in_every_namespace_that_has_pods(tmp_path: Path) -> None:
    file = tmp_path / "auth.json"
    file.write_text(json.dumps({"auths": {REGISTRY: {"auth": "eDp5"}}}))
    assert [one["metadata"]["namespace"] for one in pull_secrets(OBJECTS, file)] == ["one", "two"]
    for text in ("{}", "no JSON", "[]"):
        file.write_text(text)
        with pytest.raises(NotMirrored) as refused:
            pull_secrets(OBJECTS, file)
        assert "skopeo login" in refused.value.next_step


def test_steps_come_from_the_registry_with_its_secret_and_variables_stay() -> None:
    templates = [{"container": {"image": "atrium/runtime:1"}}, {"script": {"image": "{{inputs.parameters.image}}"}},
                 {"containerSet": {"containers": [{"image": "a/b:1"}]}, "sidecars": [{"image": f"{REGISTRY}/c:1"}]}]  # fmt: skip
    given = {"spec": {"templates": templates}}
    spec = with_registry(given, REGISTRY, PULL_SECRET)["spec"]
    assert spec["imagePullSecrets"] == [{"name": PULL_SECRET}]
    assert spec["templates"][0]["container"]["image"] == f"{REGISTRY}/docker.io/atrium/runtime:1"
    assert spec["templates"][1]["script"]["image"] == "{{inputs.parameters.image}}"
    assert spec["templates"][2]["containerSet"]["containers"][0]["image"] == f"{REGISTRY}/docker.io/a/b:1"
    assert spec["templates"][2]["sidecars"][0]["image"] == f"{REGISTRY}/c:1"
    assert with_registry(given, "", "") == given and "imagePullSecrets" not in given["spec"]


@pytest.mark.parametrize("text", ["a: b", "[1]", "{", "a: sha256:zz"])
def test_a_lock_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(ImageLockInvalid):
        read_lock(tmp_path / NAME)
    with pytest.raises(ImageLockMissing):
        read_lock(tmp_path / "none")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRegistry]:
    with private_registry(tmp_path_factory.mktemp("registry")) as made:
        yield made


@pytest.fixture
def carried(tmp_path: Path) -> tuple[Path, list[Image]]:
    """A folder with two images, and three names for them."""
    digests = {
        name: small_image(tmp_path / "carried" / name.replace(":", "/"), name)
        for name in ("site.io/a/one:1", "site.io/two:2")
    }
    Lock(digests).write(tmp_path / "carried" / NAME)
    return tmp_path / "carried", [
        Image("site.io/a/one:1", "Pod x"),
        Image("site.io/two:2", "Pod x"),
        Image("run:1", "Pod x", same_as="site.io/two:2"),
    ]


@needs_registry
def test_images_go_from_a_folder_to_the_registry_and_keep_their_digests(
    registry: PrivateRegistry, carried: tuple[Path, list[Image]]
) -> None:
    folder, images = carried
    pinned, told = read_lock(folder / NAME), list[str]()
    goal = Place(registry.address, plain_http=True, authfile=str(registry.authfile))
    made = mirror(images, Place(str(folder)), goal, pinned, told.append)
    assert made.digests == {**pinned.digests, "docker.io/library/run:1": pinned.digests["site.io/two:2"]}
    assert {name: registry.digest(name) for name in made.digests} == made.digests
    assert resolve(images, goal, told.append) == made
    assert mirror(images, goal, Place(str(folder.parent / "back")), made, told.append) == made


@needs_registry
def test_an_image_that_is_not_the_locked_one_is_refused(
    registry: PrivateRegistry, carried: tuple[Path, list[Image]]
) -> None:
    folder, images = carried
    goal = Place(registry.address, plain_http=True, authfile=str(registry.authfile))
    with pytest.raises(ImageChanged) as refused:
        mirror(images, Place(str(folder)), goal, Lock({"site.io/two:2": DIGEST}), print)
    assert DIGEST in refused.value.allowed and "site.io/two:2" in refused.value.asked


@needs_registry
def test_a_registry_without_the_password_or_the_image_says_so(registry: PrivateRegistry, tmp_path: Path) -> None:
    image = [Image("site.io/none:1", "Pod x")]
    for authfile in ("", str(registry.authfile)):
        with pytest.raises(ImageUnreachable) as refused:
            resolve(image, Place(registry.address, True, authfile), print)
        assert ("manifest unknown" if authfile else "authentication required") in refused.value.asked.lower()


def images_command(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(ATRIUM), "images", *words], capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(not image_registry.KUBECTL, reason="overlays are read by kubectl kustomize")
def test_the_overlay_is_printed_as_it_takes_everything_from_the_registry(tmp_path: Path) -> None:
    listed = [line.split()[0] for line in images_command("list", "airgap").stdout.splitlines()]
    assert "docker.io/atrium/runtime:1" in listed and "docker.io/library/postgres:15" in listed
    Lock({name: DIGEST for name in listed}).write(tmp_path / NAME)
    (tmp_path / "auth.json").write_text(json.dumps({"auths": {REGISTRY: {"auth": "eDp5"}}}))
    more = ("--registry", REGISTRY, "--lock", str(tmp_path / NAME), "--authfile", str(tmp_path / "auth.json"))
    printed = images_command("rewrite", "airgap", *more)
    objects = [one for one in yaml.safe_load_all(printed.stdout) if one]
    assert [one["kind"] for one in objects[:2]] == ["Namespace", "Secret"], printed.stderr
    named = {one.named for one in images_of(objects) if not one.started}
    assert named and all(one.startswith(f"{REGISTRY}/") and one.endswith(DIGEST) for one in named)


@pytest.mark.skipif(not image_registry.KUBECTL, reason="overlays are read by kubectl kustomize")
@pytest.mark.parametrize(("component", "key"), [("class-ceph-rbd", "clusterID"), ("class-nfs", "server")])
def test_a_value_that_only_the_site_knows_is_named_before_anything_is_done(component: str, key: str) -> None:
    with pytest.raises(SiteValueMissing, match=f"parameter {key} of StorageClass atrium-{component[6:]}"):
        rendered("full", more=[component])
