"""Run by this folder's path, so that nothing of the platform is loaded beside it."""

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    sys.path[:1] = []  # this folder
    sys.path.append(
        str(Path(__file__).parent.parent)
    )  # last, so that nothing there is taken for a module of Python's own
    import_module("keeper").main(sys.argv[1], sys.argv[2])
