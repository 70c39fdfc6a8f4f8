"""The engine's SQLite file: workflows, a row a node, templates. The workflow server alone writes it."""

import json
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

from workflows.engine import listing, schema
from workflows.engine.state import Json, Workflow, compact_json

MOST_SLOTS = 1000
UPSERT = (
    "INSERT INTO workflows VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (uid) DO UPDATE SET started=excluded.started, "
    "finished=excluded.finished, phase=excluded.phase, document=excluded.document, done=excluded.done, "
    "archived=excluded.archived, version=excluded.version"
)


class Store:
    """Keeps documents; every call is one transaction, so a kill between two leaves a whole state."""

    def __init__(self, path: Path, power_safe: bool = False) -> None:
        self.connection = sqlite3.connect(path, check_same_thread=False)
        schema.prepare(self.connection)
        self.connection.execute(f"PRAGMA synchronous={'FULL' if power_safe else 'NORMAL'}")
        self.version = time.time_ns() // 1_000_000  # grows faster than anything writes, so that it never goes back
        self.labels: dict[str, Json] = {}

    def save(self, *workflows: Workflow) -> None:
        """Writes the workflows and their changed nodes, all or nothing."""
        try:
            with self.connection as transaction:
                for workflow in workflows:
                    self._save(transaction, workflow)
        except sqlite3.OperationalError:
            for workflow in workflows:
                self.labels.pop(workflow.uid, None)  # they are not there
            raise
        for workflow in workflows:
            workflow.saved()

    def next_version(self) -> int:
        """A number that no object had yet, for `resourceVersion`."""
        self.version += 1
        return self.version

    def _save(self, transaction: sqlite3.Connection, workflow: Workflow) -> None:
        metadata, status, version = workflow.metadata, workflow.status, self.next_version()
        metadata["resourceVersion"] = str(version)
        row = (workflow.uid, workflow.namespace, workflow.name, metadata["creationTimestamp"], status.get("startedAt") or "",
               status.get("finishedAt") or "", workflow.phase, compact_json(workflow.document).decode(), int(workflow.done), 0, version)  # fmt: skip
        nodes = [
            (
                workflow.uid,
                key,
                compact_json(workflow.nodes[key]).decode(),
                compact_json(workflow.work[key]).decode() if key in workflow.work else None,
            )
            for key in workflow.dirty
            if key in workflow.nodes
        ]
        transaction.execute(UPSERT, row)
        self._save_labels(transaction, workflow)
        gone = [(workflow.uid, key) for key in workflow.dirty if key not in workflow.nodes]
        transaction.executemany("DELETE FROM nodes WHERE uid=? AND id=?", gone)
        transaction.executemany("INSERT OR REPLACE INTO nodes VALUES (?,?,?,?)", nodes)

    def _save_labels(self, transaction: sqlite3.Connection, workflow: Workflow) -> None:
        labels = dict(workflow.metadata.get("labels") or {})
        if self.labels.get(workflow.uid) != labels:
            transaction.execute("DELETE FROM labels WHERE uid=?", (workflow.uid,))
            pairs = [(workflow.uid, key, str(value)) for key, value in labels.items()]
            transaction.executemany("INSERT INTO labels VALUES (?,?,?)", pairs)
        self.labels[workflow.uid] = labels
        if workflow.done:
            del self.labels[workflow.uid]

    def _whole(self, uid: str, document: str) -> Workflow:
        workflow = Workflow(json.loads(document))
        for key, node, work in self.connection.execute(
            "SELECT id, node, work FROM nodes WHERE uid=? ORDER BY rowid", (uid,)
        ):
            workflow.nodes[key] = json.loads(node)
            if work:
                workflow.work[key] = json.loads(work)
        return workflow

    def load(self, namespace: str, name: str) -> Workflow | None:
        """A workflow by name, with its nodes, or None; those in the archive alone are not found so."""
        found = self.connection.execute(
            "SELECT uid, document FROM workflows WHERE namespace=? AND name=? AND archived<>1", (namespace, name)
        ).fetchone()
        return self._whole(*found) if found else None

    def by_uid(self, uid: str) -> Workflow | None:
        """A workflow by its uid, or None."""
        found = self.connection.execute("SELECT uid, document FROM workflows WHERE uid=?", (uid,)).fetchone()
        return self._whole(*found) if found else None

    def unfinished(self) -> list[Workflow]:
        """The workflows to go on with after a restart."""
        rows = self.connection.execute("SELECT uid, document FROM workflows WHERE done=0").fetchall()
        return [self._whole(uid, document) for uid, document in rows]

    def expiring(self) -> list[Json]:
        """The documents of the listed workflows that have ended and name a `ttlStrategy`."""
        query = "SELECT document FROM workflows WHERE done=1 AND archived<>1 AND instr(document, '\"ttlStrategy\"') > 0"
        return [json.loads(document) for (document,) in self.connection.execute(query)]

    def find(self, query: listing.Query) -> tuple[list[tuple[str, listing.Key]], bool]:
        """Uid and key of each workflow that is asked for, newest first, and whether more follow."""
        return listing.find(self.connection, query)

    def count(self, query: listing.Query) -> int:
        """How many a query would find in all."""
        return listing.count(self.connection, query)

    def remaining(self, query: listing.Query, shown: int) -> int:
        """How many come after a page that shows `shown`."""
        return max(0, listing.count(self.connection, query, after=True) - shown)

    def newest(self, namespace: str) -> str | None:
        """Name of the workflow that was made last."""
        found, _ = self.find(listing.Query([namespace], limit=1))
        return found[0][1][2] if found else None

    def document(self, uid: str) -> Json | None:
        """A workflow without its nodes, or None."""
        found = self.connection.execute("SELECT document FROM workflows WHERE uid=?", (uid,)).fetchone()
        return json.loads(found[0]) if found else None

    def label_keys(self, namespaces: list[str] | None) -> list[str]:
        """Keys of the labels of workflows that have ended."""
        where, values = listing.of_namespaces(namespaces)
        query = f"SELECT DISTINCT key FROM labels l JOIN workflows w USING (uid) WHERE w.done AND w.archived <> 2 AND {where} ORDER BY key"  # noqa: S608  marks
        return [key for (key,) in self.connection.execute(query, values)]

    def label_values(self, key: str, namespaces: list[str] | None) -> list[str]:
        """Values that workflows which have ended have of a label."""
        where, values = listing.of_namespaces(namespaces)
        query = f"SELECT DISTINCT value FROM labels l JOIN workflows w USING (uid) WHERE w.done AND w.archived <> 2 AND l.key = ? AND {where} ORDER BY value"  # noqa: S608  marks
        return [value for (value,) in self.connection.execute(query, [key, *values])]

    def archive(self, workflow: Workflow) -> None:
        """Keeps a workflow that has ended in the archive alone: lists and names no longer find it."""
        with self.connection as transaction:
            transaction.execute("UPDATE workflows SET archived=1 WHERE uid=?", (workflow.uid,))

    def leave_archive(self, workflow: Workflow) -> bool:
        """Takes a workflow that is still in the lists from the archive, until it ends once more; False for one that is in the archive alone."""
        with self.connection as transaction:
            query = "UPDATE workflows SET archived=2 WHERE uid=? AND archived=0"
            return transaction.execute(query, (workflow.uid,)).rowcount > 0

    def left_archive(self, workflow: Workflow) -> bool:
        """Whether a workflow is in the lists alone."""
        query = "SELECT 1 FROM workflows WHERE uid=? AND archived=2"
        return self.connection.execute(query, (workflow.uid,)).fetchone() is not None

    def is_name_used(self, workflow: Workflow) -> bool:
        """Whether another workflow, listed or archived, has the same name, and so its files in the same place."""
        query = "SELECT 1 FROM workflows WHERE namespace=? AND name=? AND uid<>?"
        found = self.connection.execute(query, (workflow.namespace, workflow.name, workflow.uid)).fetchone()
        return found is not None

    def delete(self, workflow: Workflow) -> None:
        """Forgets a workflow."""
        with self.connection as transaction:
            for table in ("nodes", "labels", "workflows"):
                transaction.execute(f"DELETE FROM {table} WHERE uid=?", (workflow.uid,))  # noqa: S608  fixed names
        self.labels.pop(workflow.uid, None)

    def start_slot(self, document: Json, moment: str, workflow: Workflow) -> None:
        """Writes a cron workflow's slot, its workflow and the cron workflow itself, all or nothing."""
        with self.connection as transaction:
            self._save(transaction, workflow)
            self._put_template(transaction, "CronWorkflow", workflow.namespace, document)
            slot = (document["metadata"]["uid"], moment, workflow.name, "Started", "")
            transaction.execute("INSERT OR REPLACE INTO slots VALUES (?,?,?,?,?)", slot)
        workflow.saved()

    def put_slot(self, cron: str, moment: str, workflow: str, state: str, reason: str) -> None:
        """Notes what became of a slot, where nothing was noted yet; the oldest of very many are dropped."""
        with self.connection as transaction:
            transaction.execute(
                "INSERT OR IGNORE INTO slots VALUES (?,?,?,?,?)", (cron, moment, workflow, state, reason)
            )
            oldest = "SELECT moment FROM slots WHERE cron=? ORDER BY moment DESC LIMIT 1 OFFSET ?"
            query = f"DELETE FROM slots WHERE cron=? AND moment < ({oldest})"  # noqa: S608  fixed texts
            transaction.execute(query, (cron, cron, MOST_SLOTS))

    def slot(self, cron: str, moment: str) -> str | None:
        """State of a slot, or None."""
        found = self.connection.execute("SELECT state FROM slots WHERE cron=? AND moment=?", (cron, moment)).fetchone()
        return found[0] if found else None

    def slots(self, cron: str) -> list[Json]:
        """A cron workflow's slots, newest first: time, workflow, state (Started, Skipped, Missed, Failed), reason."""
        query = "SELECT moment, workflow, state, reason FROM slots WHERE cron=? ORDER BY moment DESC LIMIT ?"
        rows = self.connection.execute(query, (cron, MOST_SLOTS))
        return [dict(zip(("scheduledTime", "workflow", "state", "reason"), row, strict=True)) for row in rows]

    def put_template(self, kind: str, namespace: str, document: Json) -> None:
        """Keeps a WorkflowTemplate, ClusterWorkflowTemplate (namespace empty) or CronWorkflow; gives it its version."""
        with self.connection as transaction:
            self._put_template(transaction, kind, namespace, document)

    def _put_template(self, transaction: sqlite3.Connection, kind: str, namespace: str, document: Json) -> None:
        document["metadata"]["resourceVersion"] = str(self.next_version())
        row = (kind, namespace, document["metadata"]["name"], json.dumps(document))
        transaction.execute("INSERT OR REPLACE INTO templates VALUES (?,?,?,?)", row)

    def template(self, kind: str, namespace: str, name: str) -> Json | None:
        """One of them, or None."""
        query = "SELECT document FROM templates WHERE kind=? AND namespace=? AND name=?"
        found = self.connection.execute(query, (kind, namespace, name)).fetchone()
        return json.loads(found[0]) if found else None

    def templates(self, kind: str, namespaces: Iterable[str] | None) -> list[Json]:
        """All of a kind in these namespaces (None: in all), by namespace and name."""
        where, values = listing.of_namespaces(None if namespaces is None else list(namespaces), "")
        query = f"SELECT document FROM templates WHERE kind=? AND {where} ORDER BY namespace, name"  # noqa: S608  marks
        return [json.loads(document) for (document,) in self.connection.execute(query, [kind, *values])]

    def owned_by(self, namespace: str, uid: str) -> tuple[list[str], list[tuple[str, str]]]:
        """What is kept only as long as an object: uids of listed workflows, kind and name of templates and cron workflows."""
        having = "namespace=? AND instr(document, '\"ownerReferences\"') > 0 AND instr(document, ?) > 0"
        query = f"SELECT document, uid, '' FROM workflows WHERE archived<>1 AND {having}"  # noqa: S608  marks
        runs = self.connection.execute(query, (namespace, uid)).fetchall()
        query = f"SELECT document, kind, name FROM templates WHERE {having}"  # noqa: S608  marks
        kept = self.connection.execute(query, (namespace, uid)).fetchall()
        found = [(first, second) for document, first, second in kept if self._is_last_owner(document, uid)]
        return [key for document, key, _ in runs if self._is_last_owner(document, uid)], found

    def _is_last_owner(self, document: str, uid: str) -> bool:
        """Whether an object belongs to `uid`, and to nothing else that is still there."""
        owners = {one.get("uid") for one in json.loads(document)["metadata"].get("ownerReferences") or []}
        return uid in owners and not any(self._is_there(one) for one in owners - {uid})

    def _is_there(self, uid: str) -> bool:
        listed = "SELECT 1 FROM workflows WHERE uid=? AND archived<>1"
        kept = "SELECT 1 FROM templates WHERE json_extract(document, '$.metadata.uid')=?"
        return self.connection.execute(f"{listed} UNION ALL {kept}", (uid, uid)).fetchone() is not None

    def config_map(self, namespace: str, name: str) -> Json | None:
        """A project's config map, or None."""
        return self.template("ConfigMap", namespace, name)

    def put_config_map(self, namespace: str, document: Json) -> None:
        """Keeps a project's config map."""
        self.put_template("ConfigMap", namespace, document)

    def delete_template(self, kind: str, namespace: str, name: str) -> bool:
        """Forgets one; whether it was there."""
        with self.connection as transaction:
            query = "DELETE FROM templates WHERE kind=? AND namespace=? AND name=?"
            return transaction.execute(query, (kind, namespace, name)).rowcount > 0
