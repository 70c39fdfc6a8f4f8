"""The peers' environments, each from a lock of its own, so that they break on no day but ours."""

import subprocess
from pathlib import Path

from bench.figures import seconds_of

CHECKOUT = Path(__file__).resolve().parent.parent.parent
FOLDER = CHECKOUT / ".tools" / "peers"
LOCKS = Path(__file__).parent / "locks"
UV = CHECKOUT / ".tools" / "bin" / "uv"


def python(peer: str) -> Path:
    """The interpreter of a peer's environment."""
    return FOLDER / peer / "bin" / "python"


def installed(peer: str) -> bool:
    """Whether the environment holds exactly what its lock says."""
    stamp = FOLDER / peer / "lock"
    return stamp.exists() and stamp.read_bytes() == (LOCKS / f"{peer}.lock").read_bytes()


def version(peer: str) -> str:
    """The peer's name and version, as its requirements pin them."""
    return (LOCKS / f"{peer}.in").read_text().splitlines()[0].replace("==", " ")


def install(peer: str) -> None:
    """Makes the environment anew where its lock changed. Raises CalledProcessError."""
    if installed(peer):
        return
    folder, lock = FOLDER / peer, LOCKS / f"{peer}.lock"

    def make() -> None:
        subprocess.run([str(UV), "venv", "--quiet", "--clear", "--python", "3.11", str(folder)], check=True)
        install = [
            str(UV),
            "pip",
            "install",
            "--quiet",
            "--compile-bytecode",
            "--require-hashes",
            "--python",
            str(python(peer)),
        ]
        subprocess.run([*install, "-r", str(lock)], check=True)

    print(f"  {version(peer)} … {seconds_of(make):.0f} s", flush=True)
    (folder / "lock").write_bytes(lock.read_bytes())
