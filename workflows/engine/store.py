"""The engine's SQLite file: workflows, a row a node, templates. The workflow server alone writes it."""

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from workflows.engine.state import Json, Workflow

SCHEMA = """
CREATE TABLE IF NOT EXISTS workflows (
    uid TEXT PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL, phase TEXT NOT NULL,
    labels TEXT NOT NULL, document TEXT NOT NULL, done INTEGER NOT NULL, UNIQUE (namespace, name));
CREATE INDEX IF NOT EXISTS workflows_list ON workflows (namespace, created DESC, name);
CREATE TABLE IF NOT EXISTS nodes (uid TEXT NOT NULL, id TEXT NOT NULL, node TEXT NOT NULL, work TEXT, PRIMARY KEY (uid, id));
CREATE TABLE IF NOT EXISTS templates (
    kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (kind, namespace, name));
"""


class Store:
    """Keeps documents; every call is one transaction, so a kill between two leaves a whole state."""

    def __init__(self, path: Path, power_safe: bool = False) -> None:
        self.connection = sqlite3.connect(path, check_same_thread=False)
        self.connection.executescript("PRAGMA journal_mode=WAL;" + SCHEMA)
        self.connection.execute(f"PRAGMA synchronous={'FULL' if power_safe else 'NORMAL'}")

    def save(self, *workflows: Workflow) -> None:
        """Writes the workflows and their changed nodes, all or nothing."""
        with self.connection as transaction:
            for workflow in workflows:
                self._save(transaction, workflow)
        for workflow in workflows:
            workflow.dirty.clear()

    @staticmethod
    def _save(transaction: sqlite3.Connection, workflow: Workflow) -> None:
        metadata = workflow.metadata
        row = (workflow.uid, workflow.namespace, workflow.name, metadata["creationTimestamp"], workflow.phase,
               json.dumps(metadata.get("labels") or {}), json.dumps(workflow.document), int(workflow.done))  # fmt: skip
        nodes = [
            (
                workflow.uid,
                key,
                json.dumps(workflow.nodes[key]),
                json.dumps(workflow.work[key]) if key in workflow.work else None,
            )
            for key in workflow.dirty
            if key in workflow.nodes
        ]
        transaction.execute("INSERT OR REPLACE INTO workflows VALUES (?,?,?,?,?,?,?,?)", row)
        gone = [(workflow.uid, key) for key in workflow.dirty if key not in workflow.nodes]
        transaction.executemany("DELETE FROM nodes WHERE uid=? AND id=?", gone)
        transaction.executemany("INSERT OR REPLACE INTO nodes VALUES (?,?,?,?)", nodes)

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
        """A workflow by name, with its nodes, or None."""
        found = self.connection.execute(
            "SELECT uid, document FROM workflows WHERE namespace=? AND name=?", (namespace, name)
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

    def listed(self, namespace: str | None, limit: int, offset: int) -> Iterable[Json]:
        """Documents without nodes, newest first; all namespaces for None."""
        where, values = ("WHERE namespace=?", [namespace]) if namespace else ("", [])
        query = f"SELECT document FROM workflows {where} ORDER BY created DESC, name LIMIT ? OFFSET ?"  # noqa: S608  fixed texts
        for (document,) in self.connection.execute(query, [*values, limit, offset]):
            yield json.loads(document)

    def delete(self, workflow: Workflow) -> None:
        """Forgets a workflow."""
        with self.connection as transaction:
            transaction.execute("DELETE FROM nodes WHERE uid=?", (workflow.uid,))
            transaction.execute("DELETE FROM workflows WHERE uid=?", (workflow.uid,))

    def put_template(self, kind: str, namespace: str, document: Json) -> None:
        """Keeps a WorkflowTemplate, ClusterWorkflowTemplate (namespace empty) or CronWorkflow."""
        with self.connection as transaction:
            row = (kind, namespace, document["metadata"]["name"], json.dumps(document))
            transaction.execute("INSERT OR REPLACE INTO templates VALUES (?,?,?,?)", row)

    def template(self, kind: str, namespace: str, name: str) -> Json | None:
        """One of them, or None."""
        query = "SELECT document FROM templates WHERE kind=? AND namespace=? AND name=?"
        found = self.connection.execute(query, (kind, namespace, name)).fetchone()
        return json.loads(found[0]) if found else None

    def templates(self, kind: str, namespace: str) -> list[Json]:
        """All of a kind in a namespace, by name."""
        query = "SELECT document FROM templates WHERE kind=? AND namespace=? ORDER BY name"
        return [json.loads(document) for (document,) in self.connection.execute(query, (kind, namespace))]

    def delete_template(self, kind: str, namespace: str, name: str) -> bool:
        """Forgets one; whether it was there."""
        with self.connection as transaction:
            query = "DELETE FROM templates WHERE kind=? AND namespace=? AND name=?"
            return transaction.execute(query, (kind, namespace, name)).rowcount > 0
