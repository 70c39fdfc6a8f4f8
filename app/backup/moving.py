"""A home at another place: what names files by their whole path is told of the new one."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, inspect, text

from feature_store import move_repository

MLFLOW = "mlflow"  # the schema of its tables


def moved(home: Path, before: Path, after: Path) -> None:
    """Changes paths under `before` to ones under `after` in the files of `home`, which nothing uses yet."""
    if before == after:
        return
    for repository in sorted((home / "projects").glob("*/data/features")):
        move_repository(repository, str(before), str(after))
    if (home / "mlflow.db").exists():
        with closing(sqlite3.connect(home / "mlflow.db")) as tracking, tracking:
            tracking.execute(
                "UPDATE datasets SET dataset_source = replace(dataset_source, ?, ?)", _inside(before, after)
            )


def moved_rows(engine: Engine, before: Path, after: Path) -> None:
    """The same in MLflow's tables, where those are in PostgreSQL beside ours."""
    if before == after or not inspect(engine).has_table("datasets", schema=MLFLOW):
        return
    old, new = _inside(before, after)
    with engine.begin() as connection:
        change = text(f"UPDATE {MLFLOW}.datasets SET dataset_source = replace(dataset_source, :old, :new)")  # noqa: S608 - no word of it is given
        connection.execute(change, {"old": old, "new": new})


def _inside(*paths: Path) -> list[str]:
    """Folders as they begin a path in a column that holds JSON."""
    return [json.dumps(f"{path}/")[1:-1] for path in paths]
