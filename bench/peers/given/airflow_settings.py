"""The environment of Airflow's own programs, a look into its database, and their end."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path


def free_port() -> int:
    """A port that nobody holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(folder: Path, slots: int) -> dict:
    """Airflow's environment."""
    port = free_port()
    return dict(
        os.environ, AIRFLOW_HOME=str(folder), AIRFLOW__CORE__LOAD_EXAMPLES="false", AIRFLOW__CORE__EXECUTOR="LocalExecutor",
        AIRFLOW__CORE__PARALLELISM=str(slots), AIRFLOW__API__PORT=str(port), AIRFLOW__API__HOST="127.0.0.1", AIRFLOW__API__WORKERS="1",
        AIRFLOW__API__BASE_URL=f"http://127.0.0.1:{port}", AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=str(free_port()),
        AIRFLOW__TRIGGERER__TRIGGER_LOG_SERVER_PORT=str(free_port()), AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL="5",
        AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"http://127.0.0.1:{port}/execution/",
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}", AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="false",
    )  # fmt: skip


def asked_of_database(folder: Path, query: str) -> str:
    """One value of Airflow's database; empty where it is not there yet."""
    try:
        with sqlite3.connect(f"file:{folder}/airflow.db?mode=ro", uri=True) as database:
            found = database.execute(query).fetchone()
    except sqlite3.OperationalError:
        return ""
    return str(found[0]) if found else ""


def end(server: subprocess.Popen) -> None:
    """Ends Airflow's processes, which are a session of their own."""
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
