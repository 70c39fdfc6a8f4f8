"""The GPUs of this machine, by the numbers of their devices."""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

DRIVER = Path("/proc/driver/nvidia/gpus")
FIELD = re.compile(r"^(GPU UUID|Device Minor):\s*(\S+)\s*$", re.MULTILINE)


def gpus_here() -> list[str]:
    """Numbers of the GPUs of this machine: 3 for /dev/nvidia3."""
    found = sorted(int(one.name.removeprefix("nvidia")) for one in Path("/dev").glob("nvidia[0-9]*"))
    return [str(number) for number in found]


@lru_cache
def _uuids(driver: Path) -> dict[str, str]:
    told = [dict(FIELD.findall(one.read_text())) for one in sorted(driver.glob("*/information"))]
    return {one["Device Minor"]: one["GPU UUID"] for one in told if {"Device Minor", "GPU UUID"} <= one.keys()}


def cuda_names(gpus: Iterable[str], driver: Path = DRIVER) -> str:
    """The value of CUDA_VISIBLE_DEVICES for the GPUs of these numbers; empty for none.

    CUDA counts anew what a container sees, so that the third GPU alone is its first: a GPU goes by the name that the driver tells
    below `driver`, which holds in every container, and by its number where the driver tells none.
    """
    uuids = _uuids(driver)
    return ",".join(uuids.get(one, one) for one in gpus)
