"""What a person, or a step, can change of datasets: new versions, older ones again, none at all."""

import codecs
import io
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from atrium.database import writing
from atrium.errors import Invalid, TooLarge
from atrium.events import emit
from atrium.home import get_home
from atrium.identity import Actor, Verb, require
from atrium.lineage import Node, NodeKind, connect, forget_node, trace
from atrium.names import LONGEST as LONGEST_NAME
from atrium.names import check_name
from feature_store.confined import require_inside
from feature_store.models import DatasetView, TableInvalid
from feature_store.tables import LONGEST_OWNER, folder_of, look_at, open_table, put_summary, read_summary
from tenancy import audit

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST_UPLOAD_BYTES = 200 * 1024 * 1024
MOST_SOURCES, LONGEST_NODE = 50, 300
CHUNK_BYTES = 1024 * 1024
FORMATS = (".csv", ".parquet")


def name_of_file(file: str) -> str:
    """A dataset's name made of a file's: `Ice sales.csv` is `ice-sales`; an empty text where no letter or digit is left."""
    stem = file.rpartition(".")[0] or file
    return re.sub("[^a-z0-9]+", "-", stem.lower()).strip("-")[:LONGEST_NAME].rstrip("-")


def _read(content: bytes, file: str) -> "pa.Table":
    """The table in an uploaded file, CSV or Parquet by its name.

    Raises:
        pyarrow's ArrowInvalid: it is neither or has no rows; TableInvalid: it is no UTF-8, or two columns have one name.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    if not file.lower().endswith(".parquet"):
        _check_text(content, file)
    reader = pa.parquet.read_table if file.lower().endswith(".parquet") else pa.csv.read_csv
    table = reader(io.BytesIO(content))
    if not table.num_rows:
        raise pa.ArrowInvalid("it holds no rows")
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    if twice:
        raise TableInvalid(
            f"file {file!r} with several columns named {twice[0]!r}", "each column has a name of its own",
            "rename them in the file's first line and upload it again",
        )  # fmt: skip
    return table


def _check_text(content: bytes, file: str) -> None:
    """Raises `TableInvalid` where the file is no UTF-8: Arrow would take such words for bytes, and keep them so."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(content), CHUNK_BYTES):
            decoder.decode(content[start : start + CHUNK_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise TableInvalid(
            f"file {file!r}, whose text is not UTF-8 (byte 0x{error.object[error.start]:02x})", "a CSV is UTF-8 text",
            "save it as 'CSV UTF-8' (Excel), or convert it: iconv -f gb18030 -t utf-8 old.csv > new.csv",
        ) from error  # fmt: skip


def import_file(
    who: Actor, project: str, name: str, content: bytes, file: str = "table.csv", append: bool = False
) -> DatasetView:
    """Makes a dataset, or a new version of one, from a CSV (with a header) or Parquet file of at most 200 MiB.

    Raises:
        Forbidden, NameInvalid, TooLarge; TableInvalid: names the line, or the columns that differ from the dataset's.
    """
    require(who, Verb.WRITE, project)
    check_name(name, "dataset")
    if len(content) > LARGEST_UPLOAD_BYTES:
        raise TooLarge(
            f"a file of {len(content)} bytes", f"at most {LARGEST_UPLOAD_BYTES}", "split it, or write it in a pipeline"
        )
    if not file.lower().endswith(FORMATS):
        raise TableInvalid(f"file {file!r}", f"its name ends with {' or '.join(FORMATS)}", "save it as one of these")
    from deltalake import CommitProperties, write_deltalake
    from deltalake.exceptions import DeltaError

    try:
        table = _read(content, file)
        properties = CommitProperties(custom_metadata={"by": who.name})
        path = str(folder_of(project) / name)
        require_inside([path], get_home().data(project))
        if append:
            write_deltalake(path, table, mode="append", commit_properties=properties)
        else:
            write_deltalake(path, table, mode="overwrite", schema_mode="overwrite", commit_properties=properties)
    except (DeltaError, ValueError, OSError) as error:  # pyarrow's errors are ValueErrors
        raise TableInvalid(f"the file for dataset {name!r}: {str(error)[:300]}", "a CSV with a header, or Parquet, with the dataset's columns",
                           "mend the file and upload it again") from error  # fmt: skip
    told = f"{table.num_rows} rows of {file}{', appended' if append else ''}"
    return _written(
        who, project, name, "dataset.import", told, [Node(NodeKind.SOURCE, f"upload/{file}"[:LONGEST_NODE])]
    )


def _written(
    who: Actor, project: str, name: str, action: str, detail: str, sources: Sequence[Node], job: str = ""
) -> DatasetView:
    """Brings summary, audit, event and lineage up to a write that has just been made."""
    summary, found = read_summary(project, name), look_at(project, name)
    if summary and not summary.owner:
        summary.owner = who.name[:LONGEST_OWNER]
    with writing() as session:
        put_summary(session, project, name, summary)
        audit(session, who, action, project, name, detail)
        emit(session, "dataset.changed", project, name, {"version": found.version})
        target = Node(NodeKind.DATASET, name, str(found.version))
        connect(session, project, sources, target, job or (f"run/{who.run}" if who.run else action))
    return found


def dataset_written(who: Actor, project: str, name: str, sources: Sequence[Node] = ()) -> DatasetView:
    """Takes note of a version that a step or another client has written itself, and of what it was made from.

    Raises:
        Forbidden, DatasetNotFound; Invalid: more than 50 sources, or one that is no dataset, feature view or source.
    """
    require(who, Verb.WRITE, project)
    if len(sources) > MOST_SOURCES or any(len(one.name) > LONGEST_NODE for one in sources):
        raise Invalid(
            f"{len(sources)} sources", f"at most {MOST_SOURCES}, of {LONGEST_NODE} characters each", "name fewer"
        )
    allowed = (NodeKind.SOURCE, NodeKind.DATASET, NodeKind.FEATURE_VIEW)
    if wrong := [one for one in sources if one.kind not in allowed]:
        raise Invalid(
            f"source of kind {wrong[0].kind}", f"datasets come from {', '.join(allowed)}", "name one of these"
        )
    rows = look_at(project, name).rows
    return _written(who, project, name, "dataset.write", f"{rows} rows", sources)


def restore(who: Actor, project: str, name: str, version: int) -> DatasetView:
    """Makes an older version the newest one. Raises `Forbidden`, `DatasetNotFound`; `TableInvalid`: no such version."""
    require(who, Verb.WRITE, project)
    from deltalake import CommitProperties
    from deltalake.exceptions import DeltaError

    table = open_table(project, name)
    try:
        table.restore(version, commit_properties=CommitProperties(custom_metadata={"by": who.name}))
    except DeltaError as error:
        raise TableInvalid(
            f"version {version} of dataset {name!r}: {str(error)[:200]}",
            "an older version that is still kept",
            "see its versions",
        ) from error
    origin = Node(NodeKind.DATASET, name, str(version))
    return _written(who, project, name, "dataset.restore", f"version {version}", [origin])


def dataset_dependents(who: Actor, project: str, name: str) -> list[Node]:
    """What was made from any version of a dataset, nearest first: datasets, feature views, runs, models, services. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    edges = reversed(trace(project, Node(NodeKind.DATASET, name), upstream=False))
    return [
        one for one in dict.fromkeys(edge.target for edge in edges) if (one.kind, one.name) != (NodeKind.DATASET, name)
    ]


def delete_dataset(who: Actor, project: str, name: str) -> None:
    """Deletes a dataset with all its versions for good. Raises `Forbidden`, `DatasetNotFound`, `OutsideProject`."""
    require(who, Verb.WRITE, project)
    path = folder_of(project) / name
    if open_name(name) and path.is_dir():
        require_inside([path], get_home().data(project))
        shutil.rmtree(path)
    else:
        open_table(project, name)  # says that there is none
    with writing() as session:
        put_summary(session, project, name, None)
        forget_node(session, project, Node(NodeKind.DATASET, name))
        audit(session, who, "dataset.delete", project, name)
        emit(session, "dataset.changed", project, name, {"deleted": True})


def open_name(name: str) -> bool:
    """Whether a name is one folder's, not a path."""
    return bool(name) and "/" not in name and not name.startswith(".")
