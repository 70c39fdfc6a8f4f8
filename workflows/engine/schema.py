"""Tables of the engine's SQLite file, and how an older file becomes a newer one."""

import json
import sqlite3

VERSION = 1
TABLES = """
CREATE TABLE IF NOT EXISTS workflows (
    uid TEXT PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL, started TEXT NOT NULL,
    finished TEXT NOT NULL, phase TEXT NOT NULL, document TEXT NOT NULL, done INTEGER NOT NULL,
    archived INTEGER NOT NULL, -- 0: listed, and in the archive once it has ended, 1: in the archive alone, 2: in the lists alone
    version INTEGER NOT NULL);
DROP INDEX IF EXISTS workflows_name;
CREATE UNIQUE INDEX IF NOT EXISTS workflows_listed ON workflows (namespace, name) WHERE archived <> 1;
CREATE INDEX IF NOT EXISTS workflows_page ON workflows (namespace, created DESC, name, archived, done, phase, uid);
CREATE INDEX IF NOT EXISTS workflows_all ON workflows (created DESC, namespace, name, archived, done, phase, uid);
CREATE INDEX IF NOT EXISTS workflows_live ON workflows (done) WHERE done = 0;
CREATE TABLE IF NOT EXISTS labels (
    uid TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (uid, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS labels_value ON labels (key, value);
CREATE TABLE IF NOT EXISTS nodes (uid TEXT NOT NULL, id TEXT NOT NULL, node TEXT NOT NULL, work TEXT, PRIMARY KEY (uid, id));
CREATE TABLE IF NOT EXISTS templates (
    kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (kind, namespace, name));
CREATE INDEX IF NOT EXISTS workflows_owned ON workflows (namespace) WHERE instr(document, '"ownerReferences"') > 0;
CREATE INDEX IF NOT EXISTS templates_owned ON templates (namespace) WHERE instr(document, '"ownerReferences"') > 0;
CREATE TABLE IF NOT EXISTS slots (
    cron TEXT NOT NULL, moment TEXT NOT NULL, workflow TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (cron, moment)) WITHOUT ROWID;
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Makes the tables, or brings those of an older version of this server up to date."""
    connection.executescript("PRAGMA journal_mode=WAL;")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    old = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'workflows'").fetchone()
    if version == 0 and old:
        _from_0(connection)
    else:
        connection.executescript(TABLES)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _from_0(connection: sqlite3.Connection) -> None:
    """Narrow columns and a table of labels, where one row held everything."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ALTER TABLE workflows RENAME TO workflows_0")
        connection.execute("DROP INDEX IF EXISTS workflows_list")
        for statement in TABLES.split(";"):
            connection.execute(statement)
        rows = connection.execute(
            "SELECT uid, namespace, name, created, phase, labels, document, done FROM workflows_0"
        )
        for uid, namespace, name, created, phase, labels, document, done in rows.fetchall():
            status = json.loads(document).get("status") or {}
            times = (status.get("startedAt") or "", status.get("finishedAt") or "")
            row = (uid, namespace, name, created, *times, phase, document, done, 0, 0)
            connection.execute(f"INSERT INTO workflows VALUES ({','.join('?' * 11)})", row)  # noqa: S608  a fixed text
            pairs = [(uid, key, value) for key, value in json.loads(labels).items()]
            connection.executemany("INSERT INTO labels VALUES (?,?,?)", pairs)
        connection.execute("DROP TABLE workflows_0")
