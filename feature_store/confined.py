"""Files that users' steps wrote, read by processes of the platform: only what truly lies inside the project's data folder.

A step may leave a link, or a Delta log whose entries point elsewhere; both would make the platform read for it what it may not read.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from atrium.errors import Forbidden

if TYPE_CHECKING:
    from deltalake import DeltaTable

LOG = "_delta_log"


class OutsideProject(Forbidden):
    """A file of the project leads to a place outside its data folder."""


def require_inside(paths: Iterable[Path | str], data: Path) -> None:
    """Passes if every path, its links followed, lies in the folder `data`. Raises `OutsideProject`, naming the first that does not."""
    root = data.resolve()
    for path in paths:
        if "://" in str(path) or not Path(path).resolve().is_relative_to(root):
            raise OutsideProject(
                f"file {str(path)!r}", "a project's tables and features lie in its own data folder, without links out of it",
                f"write the file itself into {data}",
            )  # fmt: skip


def open_delta(path: Path, data: Path | None, version: int | None = None) -> "DeltaTable":
    """The Delta table in the folder `path`, at a version; where `data` is given, all its files lie in that folder.

    Raises:
        OutsideProject; deltalake.exceptions.TableNotFoundError; deltalake.exceptions.DeltaError: no such version, a broken log.
    """
    from deltalake import DeltaTable

    if data:
        require_inside([path, path / LOG, *(path / LOG).glob("*")], data)
    table = DeltaTable(str(path), version=version)
    if data:
        require_inside((one.removeprefix("file://") for one in table.file_uris()), data)
    return table
