"""Two replicas of one platform on this machine: a home each, the same keys, one PostgreSQL."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from postgres import Postgres
from small_platform import CHECKOUT, Small, make_people, own_home_in, until

import tenancy
from app.migrate import upgrade
from atrium.home import Home
from atrium.identity import mint_identity, platform_actor


@dataclass
class Replicas:
    """Two homes with the same keys and the same database; the workflow server of the first serves both."""

    first: Small
    second: Small

    def start_worker(self, small: Small) -> None:
        with (small.home / "worker.log").open("ab") as log:
            small.processes["app.worker"] = subprocess.Popen(
                [sys.executable, "-m", "app.worker"], cwd=CHECKOUT, env=small.environment, stdout=log, stderr=log
            )
        until((Home(small.home).run / "worker.beat").exists, f"the worker's beat, see {small.home}/worker.log")


@contextmanager
def two_homes(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """Runs gate and REST of both; what else a test wants it starts."""
    address = postgres.address(postgres.database())
    second = tmp_path_factory.mktemp("b")
    with own_home_in(tmp_path_factory.mktemp("a"), ATRIUM_DATABASE_URL=address) as first:
        upgrade()
        make_people(first)
        tenancy.set_secret(platform_actor("test"), "flights", "word", "swordfish")
        mint_identity(platform_actor("test"))  # the last of the keys is made
        first.start("workflows.engine")
        second.chmod(0o700)
        shutil.copytree(first.home / "keys", second / "keys")
        (Home(second).run / "argo.sock").symlink_to(first.home / "run" / "argo.sock")
        other = Small(second, first.port, first.environment | {"ATRIUM_HOME": str(second)})
        try:
            for program in ("tenancy.gate", "app.rest"):
                first.start(program)
                other.start(program)
            yield Replicas(first, other)
        finally:
            other.stop()
