"""Copies of this checkout, as a person has them after cloning."""

import os
import shutil
import subprocess
from pathlib import Path

from support import CHECKOUT

NOWHERE = "http://127.0.0.1:9"


def copy_checkout(folder: Path) -> Path:
    """A copy of the checkout's own files; nothing is set up in it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (CHECKOUT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, folder / name)
    return folder


def without_network(**more: str) -> dict[str, str]:
    """An environment in which no registry can be reached, with this machine's caches."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("ATRIUM_") and name != "PIP_FIND_LINKS"
    }
    proxies = {name: NOWHERE for one in ("http", "https", "all") for name in (f"{one}_proxy", f"{one.upper()}_PROXY")}
    return {**kept, **proxies, "NO_PROXY": "", "no_proxy": "", "UV_HTTP_RETRIES": "0", **more}
