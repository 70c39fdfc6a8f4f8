"""One dataset: its rows at any version, columns, versions, where it comes from; a new version, an older one again, none at all."""

import streamlit as st

import feature_store
from atrium.identity import Verb
from atrium.lineage import Node, NodeKind
from atrium.settings import get_settings
from portal.session import may, project, who
from portal.ui import (
    Cell,
    Clicked,
    Column,
    address_of,
    ago,
    buttons,
    card,
    confirmed,
    facts,
    go_to,
    guard,
    header,
    link,
    popover,
    say_after,
    table,
    text,
    when,
)
from portal.views import datasets, paging
from portal.views.origins import depend_words, path_card
from portal.views.snippets import tools
from portal.words import _

ROWS_SHOWN = 100
RUN = "run/"


def page(name: str) -> None:
    """The page of the dataset `name`."""
    found = paging.opened(lambda: feature_store.get_dataset(who(), project(), name), name, _("All datasets"), "dataset")
    if found is None:
        return
    view, columns, versions = found
    version = _asked_version(view, versions)
    with header(name, _lead(view, version)):
        paging.back(_("All datasets"), "dataset", "version")
        if may(Verb.WRITE):
            with popover(_("New version"), "upload", "new-version"):
                datasets.upload_form(name)
            _delete(name)
    facts(
        {
            _("Rows"): f"{view.rows:,}", _("Size"): datasets.size(view.size_bytes), _("Version"): str(view.version),
            _("Changed"): when(view.changed_at), _("By"): view.owner,
        }
    )  # fmt: skip
    path_card(Node(NodeKind.DATASET, name, str(version)))
    _parts(view, columns, versions, version)
    _snippets(name)


def _asked_version(view: feature_store.DatasetView, versions: list[feature_store.VersionView]) -> int:
    """The version that the address asks for, where it is still kept; else the newest."""
    asked = paging.shown("version")
    return int(asked) if asked in [str(one.version) for one in versions] else view.version


def _lead(view: feature_store.DatasetView, version: int) -> str:
    if version == view.version:
        return _("A dataset of project {name}").format(name=project())
    words = _("Rows and origin are those of version {version}; version {newest} is the newest")
    return words.format(version=version, newest=view.version)


def _delete(name: str) -> None:
    depends = depend_words(feature_store.dataset_dependents(who(), project(), name))
    question = _("Delete **{name}** with all its versions? This cannot be undone.").format(name=name)
    if confirmed(_("Delete"), f"{question}\n\n{depends}", "delete-dataset", sure=_("Delete for good")):
        with guard():
            feature_store.delete_dataset(who(), project(), name)
            say_after(_("{name} is deleted.").format(name=name))
            st.query_params.pop("dataset", None)
            st.rerun()


def _parts(
    view: feature_store.DatasetView,
    columns: list[tuple[str, str]],
    versions: list[feature_store.VersionView],
    version: int,
) -> None:
    first, fields, history = st.tabs(
        [_("Data"), _("Columns"), _("Versions")], key=f"dataset-tab-{paging.shown('version')}", on_change="rerun"
    )
    if first.open:
        with first, guard():
            _rows(view, versions, version)
    if fields.open:
        with fields, guard():
            _columns(view.name, columns)
    if history.open:
        with history, guard():
            _versions(view, versions)


def _rows(view: feature_store.DatasetView, versions: list[feature_store.VersionView], version: int) -> None:
    known = [one.version for one in versions]
    chosen = st.selectbox(
        _("As of version"), known, known.index(version), key=f"as-of-{view.name}-{version}", width=180
    )
    if chosen != version:
        paging.show("version", str(chosen))
    answer = feature_store.preview(who(), project(), view.name, version, ROWS_SHOWN)
    st.dataframe([dict(zip(answer.columns, row, strict=True)) for row in answer.rows], height=320, hide_index=True)
    st.caption(_("The first {n} rows of version {version}.").format(n=len(answer.rows), version=version))


def _columns(name: str, columns: list[tuple[str, str]]) -> None:
    if st.button(_("Measure the columns"), icon=":material/analytics:"):
        answer = feature_store.profile(who(), project(), name)
        st.dataframe(
            [{key: str(value) for key, value in zip(answer.columns, row, strict=True)} for row in answer.rows],
            hide_index=True,
        )
    else:
        heads = [Column(_("Column"), "code"), Column(_("Type"), "code")]
        table("columns", heads, [[one, kind] for one, kind in columns], _("Columns and their types"))


def _made(operation: str) -> str:
    words = {"WRITE": _("Rows written"), "CREATE TABLE": _("Table created"), "RESTORE": _("Older version restored")}
    return words.get(operation, operation)


def _versions(view: feature_store.DatasetView, versions: list[feature_store.VersionView]) -> None:
    columns = [Column(_("Version"), "short"), Column(_("What made it")), Column(_("Run")), Column(_("By"), "soft"),
               Column(_("When"), "soft"), Column("", "actions")]  # fmt: skip
    rows: list[list[Cell | str]] = []
    for one in versions:
        number = str(one.version)
        older = one.version != view.version and may(Verb.WRITE)
        action = buttons(number, ("restore", _("Restore"))) if older else text("")
        seen = link(number, number, address_of("datasets", dataset=view.name, version=number))
        run = link(one.run, f"{RUN}{one.run}", address_of("pipelines", run=one.run)) if one.run else text("–")
        by = one.by or (view.owner if one.version == view.version else "") or "–"
        rows.append([seen, _made(one.operation), run, by, ago(one.at), action])
    with card():
        clicked = table("versions", columns, rows, _("Versions of the dataset, newest first"))
    if clicked:
        _clicked(view.name, clicked)


def _clicked(name: str, clicked: Clicked) -> None:
    if clicked.row.startswith(RUN):
        go_to("pipelines", run=clicked.row.removeprefix(RUN))
    elif clicked.action == "open":
        paging.show("version", clicked.row)
    else:
        feature_store.restore(who(), project(), name, int(clicked.row))
        say_after(_("The rows of version {n} are the newest again.").format(n=clicked.row))
        st.query_params.pop("version", None)
        st.rerun()


def _snippets(name: str) -> None:
    url = f"{get_settings().public_url}/api/v1/projects/{project()}/datasets/{name}"
    step = (
        "# in a step of a pipeline, which has its run's rights\nfrom atrium.sdk import Platform\n\nplatform = Platform.of_step()\n"
        f'frame = platform.read_dataset("{name}")\nplatform.write_dataset("{name}-sample", frame.head(100))'
    )
    curl = (
        f'curl -H "Authorization: Bearer $TOKEN" "{url}/rows?limit=10"\n'
        f"# a file of your own becomes another dataset, or its next version\n"
        f'curl -X PUT -H "Authorization: Bearer $TOKEN" -F file=@my-table.parquet {url.removesuffix(name)}my-table'
    )
    tools({_("In a step (Python)"): (step, "python"), "curl": (curl, "bash")})
