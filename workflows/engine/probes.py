"""What small helpers do inside a pod's own sandbox: say when a daemon is ready, ask over HTTP. Their programs are texts."""

import json

from workflows.engine.state import Json

READY = """
import json, socket, subprocess, sys, time, urllib.request
probe = json.loads(sys.argv[1])
def once():
    limit = probe.get("timeoutSeconds") or 1
    if "httpGet" in probe:
        get = probe["httpGet"]
        scheme, host = str(get.get("scheme") or "HTTP").lower(), get.get("host") or probe["address"]
        headers = {one["name"]: one["value"] for one in get.get("httpHeaders") or []}
        url = f"{scheme}://{host}:{get['port']}/" + str(get.get("path") or "/").lstrip("/")
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=limit).status < 400
    if "tcpSocket" in probe:
        tcp = probe["tcpSocket"]
        socket.create_connection((tcp.get("host") or probe["address"], int(tcp["port"])), limit).close()
        return True
    return subprocess.run(probe["exec"]["command"], timeout=limit).returncode == 0
good = 0
time.sleep(probe.get("initialDelaySeconds") or 0)
while good < (probe.get("successThreshold") or 1):
    try:
        good = good + 1 if once() else 0
    except (OSError, subprocess.SubprocessError):
        good = 0
    if good < (probe.get("successThreshold") or 1):
        time.sleep(min(probe.get("periodSeconds") or 10, 1))
"""


def readiness(probe: Json, address: str) -> Json:
    """The container that ends well once the probe does; what names no host is asked at the pod's own address."""
    return {
        "image": "atrium/runtime:1",
        "command": ["python", "-c", READY],
        "args": [json.dumps({**probe, "address": address})],
    }
