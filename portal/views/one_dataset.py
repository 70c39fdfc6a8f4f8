"""One dataset: its rows at any version, columns, versions, where it comes from; a new version, an older one again, none at all."""

import streamlit as st

import feature_store
from atrium.identity import Verb
from atrium.lineage import Node, NodeKind
from atrium.settings import get_settings
from portal.session import may, project, who
from portal.ui import (
    Cell,
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


def page(name: str) -> None:
    """The page of the dataset `name`."""
    found = paging.opened(lambda: feature_store.get_dataset(who(), project(), name), name, _("All datasets"), "dataset")
    if found is None:
        return
    view, columns, versions = found
    with header(name, _("A dataset of project {name}").format(name=project())):
        paging.back(_("All datasets"), "dataset")
        if may(Verb.WRITE):
            with st.popover(_("New version"), icon=":material/upload:"):
                datasets.upload_form(name)
            _delete(name)
    facts(
        {
            _("Rows"): f"{view.rows:,}", _("Size"): datasets.size(view.size_bytes), _("Version"): str(view.version),
            _("Changed"): when(view.changed_at), _("By"): view.owner,
        }
    )  # fmt: skip
    path_card(Node(NodeKind.DATASET, name, str(view.version)))
    _parts(view, columns, versions)
    _snippets(name)


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
    view: feature_store.DatasetView, columns: list[tuple[str, str]], versions: list[feature_store.VersionView]
) -> None:
    first, fields, history = st.tabs([_("Data"), _("Columns"), _("Versions")], key="dataset-tab", on_change="rerun")
    if first.open:
        with first, guard():
            _rows(view, versions)
    if fields.open:
        with fields, guard():
            _columns(view.name, columns)
    if history.open:
        with history, guard():
            _versions(view, versions)


def _rows(view: feature_store.DatasetView, versions: list[feature_store.VersionView]) -> None:
    known = [one.version for one in versions]
    version = st.selectbox(_("As of version"), known, key=f"as-of-{view.name}", width=180)
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
        older = one.version != view.version and may(Verb.WRITE)
        action = buttons(str(one.version), ("restore", _("Restore"))) if older else text("")
        run = link(one.run, one.run, address_of("pipelines", run=one.run)) if one.run else text("–")
        by = one.by or (view.owner if one.version == view.version else "") or "–"
        rows.append([str(one.version), _made(one.operation), run, by, ago(one.at), action])
    with card():
        clicked = table("versions", columns, rows, _("Versions of the dataset, newest first"))
    if clicked and clicked.action == "open":
        go_to("pipelines", run=clicked.row)
    elif clicked:
        feature_store.restore(who(), project(), view.name, int(clicked.row))
        say_after(_("The rows of version {n} are the newest again.").format(n=clicked.row))
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
