"""Holds the dialogues of dialogues.yaml with the argo CLI; writes what real Argo answers (recorded.json: v3.7.3).

    record.py ARGO NAMESPACE OUT.json --host ADDRESS [--only TEXT]

ADDRESS is one of this machine that the pods of the cluster reach. The CLI finds its server as usual (ARGO_SERVER, ARGO_TOKEN …).
"""

import argparse
import importlib.util
import json
import os
import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import yaml
from answers import serve

HERE = Path(__file__).resolve().parent
CLI = (
    Path(os.environ.get("ATRIUM_TEST_ASSETS") or HERE.parents[4] / "shared") / "conformance" / "cli"
)  # whose way of asking and writing down is used
NAMES = re.compile(r"\b(http|memo|kept|talk|talk-kept|talk-everywhere|talk-yearly|other-talk)-[a-z0-9]{5}\b")


def _dialogues() -> ModuleType:
    specification = importlib.util.spec_from_file_location("dialogue", CLI / "dialogue.py")
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    module.HERE = HERE  # type: ignore[attr-defined]  whose files are submitted
    return module


def ask(method: str, path: str, body: str | None) -> tuple[int, dict[str, Any]]:
    """Status and document that the server, which the CLI finds by the same variables, answers to a request below /api/v1/."""
    scheme = "http" if os.environ.get("ARGO_SECURE") == "false" else "https"
    url = f"{scheme}://{os.environ['ARGO_SERVER']}{os.environ.get('ARGO_BASE_HREF', '')}/api/v1/{path}"
    headers = {"Authorization": os.environ.get("ARGO_TOKEN", ""), "Content-Type": "application/json"}
    request = urllib.request.Request(url, body.encode() if body else None, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def plans() -> list[dict[str, Any]]:
    """What is asked."""
    found: list[dict[str, Any]] = yaml.safe_load((HERE / "dialogues.yaml").read_text())
    return found


def hold(argo: str, namespace: str, plan: dict[str, Any], base: str, seconds: float = 120) -> list[dict[str, Any]]:
    """The answers, step by step; what differs from run to run (names, uids, addresses, marks) is replaced."""
    module, mark = _dialogues(), uuid4().hex[:8]

    class Talk(module.Dialogue):  # type: ignore[name-defined,misc]
        """Knows the words BASE, MARK, KEY and UID beside those of dialogue.py."""

        uids: list[str]

        def run(self, words: str) -> Any:
            """Asks the CLI."""
            words = words.replace("BASE", base).replace("MARK", mark)
            words = re.sub(r"KEY(\d)", rf"key\1-{mark}", words).replace("UID", self.uids[0] if self.uids else "UID")
            if words.startswith("submit "):
                words += f" -l mark={mark}"
            return super().run(words)

        def plain(self, text: str) -> str:
            """Text without what is of one run."""
            for uid in self.uids:
                text = text.replace(uid, "UID")
            text = text.replace(base, "BASE").replace(mark, "MARK").replace(base.rpartition(":")[0], "HOST")
            return NAMES.sub(r"\1-RANDOM", super().plain(text)).replace(namespace, "argo")

        def archived(self, _what: str) -> dict[str, Any]:
            """Waits until the workflow is in the archive; from then on its uid is known."""
            uid = self.status()["metadata"]["uid"]
            self.uids.append(uid)
            due = time.monotonic() + self.limit
            while self.run(f"archive get {uid} -o json").returncode and time.monotonic() < due:
                time.sleep(0.5)
            return {"archived": "WF"}

        def rest(self, words: str) -> dict[str, Any]:
            """Asks by REST; the status, and the code and message of an error, the names of a list, or the keys of what came."""
            for number, name in enumerate(self.names):
                words = re.sub(rf"\bWF{number or ''}\b", name, words) if name else words
            method, path, *body = (
                words.replace("MARK", mark).replace("UID", self.uids[0]).replace("NS", namespace).split(" ", 2)
            )
            status, answer = ask(method, path, body[0] if body else None)
            told = (
                {"code": answer.get("code"), "message": self.plain(str(answer["message"]))}
                if "message" in answer
                else {}
            )
            items = [
                one if isinstance(one, str) else self.plain(one["metadata"]["name"])
                for one in answer.get("items") or []
            ]
            return {
                "rest": self.plain(words),
                "status": status,
                "keys": sorted({*answer} - {"apiVersion", "kind"}),
                "items": items,
                **told,
            }

    talk = Talk(argo, namespace, seconds)
    talk.uids = []
    held: list[dict[str, Any]] = talk.hold(plan)
    return held


def main() -> None:
    """Asks and writes down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("argo")
    parser.add_argument("namespace")
    parser.add_argument("out", type=Path)
    parser.add_argument("--host", required=True)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    server = serve(options.host)
    base = f"http://{options.host}:{server.server_address[1]}"
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    for plan in plans():
        if options.only in plan["name"]:
            begun = time.monotonic()
            known[plan["name"]] = hold(options.argo, options.namespace, plan, base)
            options.out.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
            phases = [step.get("phase") or step.get("failed") for step in known[plan["name"]] if "until" in step]
            print(f"{plan['name']}: {time.monotonic() - begun:.0f} s", phases, flush=True)


if __name__ == "__main__":
    main()
