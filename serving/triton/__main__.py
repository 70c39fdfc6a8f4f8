"""`python -m serving.triton`: becomes Triton on its Unix sockets."""

import os

from serving.triton.launch import clear_sockets, launch


def main() -> None:
    """Becomes tritonserver; its sockets are the owner's alone."""
    prepared = launch()
    clear_sockets()
    os.umask(0o077)
    os.execve(prepared.command[0], prepared.command, prepared.environment)  # noqa: S606  becomes it


if __name__ == "__main__":
    main()
