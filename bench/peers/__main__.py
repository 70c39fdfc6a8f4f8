"""`python -m bench.peers`: installs the peers where they are not yet, and gives them and us the same work, in one run."""

import sys

from bench.__main__ import main
from bench.peers.environments import install
from bench.peers.rows import PEERS


def install_all() -> None:
    """Every peer's environment."""
    for peer in PEERS:
        install(peer)


if __name__ == "__main__":
    install_all()
    sys.argv += ["--here", "engine", "workflows", "peers", "flush", "live", "lists"]
    main()
