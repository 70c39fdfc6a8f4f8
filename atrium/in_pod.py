"""`python -m atrium.in_pod PROGRAM ARGUMENTS`: becomes PROGRAM, which finds in a cluster's step what a step finds on one machine.

In a pod of Argo's the pod's own account token is shown at the platform, which answers with the run's token. Everywhere else, and
where the variables are set already, PROGRAM starts as it is. Standard library only: it runs before each Python of a step.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
TOKEN = Path("/tmp/.atrium-token")  # noqa: S108 - the pod's own; made with mode 0600
PATIENCE_SECONDS, ANSWER_SECONDS, PAUSE_SECONDS = 60.0, 10.0, 1.0
LATER = 500  # what may pass by itself: the platform starts, or is updated


def asked_here() -> bool:
    """Whether this is a step of Argo's whose account shows a token, and nobody said otherwise."""
    return "ARGO_NODE_ID" in os.environ and "ATRIUM_TOKEN_FILE" not in os.environ and ACCOUNT.is_file()


def ask(url: str) -> dict[str, str]:
    """The answer of the platform at `url`: project, run, token. Ends the step with its words where it refuses, after 60 s where it is silent."""
    due = time.monotonic() + PATIENCE_SECONDS
    while True:
        headers = {"Authorization": f"Bearer {ACCOUNT.read_text().strip()}"}
        request = urllib.request.Request(f"{url}/auth/run-token", b"", headers)  # noqa: S310 - the site's own setting
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
                found: dict[str, str] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            if error.code < LATER or time.monotonic() > due:
                sys.exit(f"{url} gives this step no token: {error.read().decode(errors='replace')[:500]}")
        except OSError as error:
            if time.monotonic() > due:
                sys.exit(f"{url} does not answer this step: {error}\n  next: set ATRIUM_URL in the step's image")
        time.sleep(PAUSE_SECONDS)


def variables(url: str, found: dict[str, str]) -> dict[str, str]:
    """What a step's environment holds, as on one machine."""
    data = Path(os.environ["ATRIUM_HOME"]) / "projects" / found["project"] / "data"
    return {
        "ATRIUM_DATA": str(data),
        "ATRIUM_PROJECT": found["project"],
        "ATRIUM_RUN": found["run"],
        "ATRIUM_TOKEN_FILE": str(TOKEN),
        "MLFLOW_TRACKING_URI": f"{url}/mlflow",
        "MLFLOW_TRACKING_TOKEN": found["token"],
        "MLFLOW_WORKSPACE": found["project"],
    }


def main() -> None:
    """Becomes the program that the arguments name."""
    if asked_here():
        url = os.environ["ATRIUM_URL"].rstrip("/")
        found = ask(url)
        with os.fdopen(os.open(TOKEN, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(found["token"])
        os.environ.update(variables(url, found))
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - it becomes the program that was asked for


if __name__ == "__main__":
    main()
