"""A home at another place: what names files by their whole path is told of the new one."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from feature_store import move_repository


def moved(home: Path, before: Path, after: Path) -> None:
    """Changes paths under `before` to ones under `after` in the files of `home`, which nothing uses yet."""
    if before == after:
        return
    for repository in sorted((home / "projects").glob("*/data/features")):
        move_repository(repository, str(before), str(after))
    if (home / "mlflow.db").exists():
        with closing(sqlite3.connect(home / "mlflow.db")) as tracking, tracking:
            inside = [json.dumps(f"{path}/")[1:-1] for path in (before, after)]  # the column holds JSON
            tracking.execute("UPDATE datasets SET dataset_source = replace(dataset_source, ?, ?)", inside)
