"""The process that starts containers and outlives the workflow server: it notes how each ended and bounds what each may use.

One a home, of the standard library alone, run by its path, so that it is small and starts others quickly. It speaks frames of a
length (4 bytes, network order) and JSON over a Unix socket. A server orders: `hello`, answered with what runs and what has ended;
`start` a unit (see `Unit`); `end` one; `forget` ends that it has taken in; `quit`, by which all that runs is lost, to run again. Every
end is in the journal before it is told.
"""

from pathlib import Path

from .ahead import Ahead
from .journal import Journal
from .kernel import not_needed
from .loop import LENGTH, main
from .units import CHUNK_BYTES
from .warm import Interpreter

FOLDER = str(Path(__file__).parent)
__all__ = ["CHUNK_BYTES", "FOLDER", "LENGTH", "Ahead", "Interpreter", "Journal", "main", "not_needed"]
