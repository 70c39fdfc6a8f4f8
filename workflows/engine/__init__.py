"""The embedded workflow server: Argo Server's REST on one machine, steps in a sandbox, state in SQLite."""
