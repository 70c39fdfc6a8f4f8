"""Asking another component costs little beside its answer."""

import time
from pathlib import Path

from atrium.identity import platform_actor
from atrium.rpc import client

CLIENTS = 100
MOST_CPU_SECONDS = 0.5  # reading the certificate authorities for each takes 2 s and more


def test_a_client_of_a_unix_socket_reads_no_certificates(own_home: Path) -> None:
    begun = time.process_time()
    for _ in range(CLIENTS):
        client("triton-http", platform_actor("test")).close()
    assert time.process_time() - begun < MOST_CPU_SECONDS
