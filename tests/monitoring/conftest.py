"""People, a project and a sampler of one's own for tests of monitoring."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import pytest
from feeding import Feed

import tenancy
from atrium.identity import Actor, Role, platform_actor
from atrium.metrics import SamplerMetrics, Writer, sampler_file


@pytest.fixture
def people(own_home: Path) -> dict[str, Actor]:
    """ada administers, ben is an engineer of flights, vic a viewer there, out is in no project; digits is nobody's."""
    root = platform_actor("test")
    for name in ("ada", "ben", "vic", "out"):
        tenancy.create_user(root, name, "correct horse battery", administrator=name == "ada")
    for project in ("flights", "digits"):
        tenancy.create_project(root, project)
    tenancy.add_member(root, "flights", "ben", Role.ENGINEER)
    tenancy.add_member(root, "flights", "vic", Role.VIEWER)
    return {name: tenancy.actor_of_session(tenancy.sign_in(name, "correct horse battery", "here")) for name in
            ("ada", "ben", "vic", "out")}  # fmt: skip


@pytest.fixture
def feed(own_home: Path) -> Iterator[Feed]:
    """Keeps one tick of `name{key=value,…}`: number in the home's sampler; gives the sampler."""
    writer = Writer(sampler_file())

    def add(moment: datetime, samples: Mapping[str, float]) -> SamplerMetrics:
        found = []
        for text, value in samples.items():
            name, _, inside = text.rstrip("}").partition("{")
            found.append((name, dict(part.split("=", 1) for part in inside.split(",") if part), value))
        writer.add(found, moment)
        return SamplerMetrics(sampler_file())

    yield add
    writer.close()
