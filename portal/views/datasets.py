"""Datasets: what there is, new ones by upload, SQL over all of them; each has a page of its own."""

import streamlit as st

import feature_store
from atrium.errors import AtriumError
from atrium.identity import Verb
from portal.session import may, project, who
from portal.ui import (
    Cell,
    Column,
    address_of,
    ago,
    card,
    empty,
    guard,
    header,
    link,
    popover,
    say_after,
    show_error,
    status,
    table,
    text,
)
from portal.views import one_dataset, paging
from portal.words import _

MIB, MOST_FILES, SQL_TABLES = 1024 * 1024, 200, 50
KEY = "datasets"
FIRST_ROWS = "SELECT * FROM {name} LIMIT 10"


def page() -> None:
    """The datasets, or the one that the address names."""
    if name := paging.shown("dataset"):
        one_dataset.page(name)
        return
    with header(_("Datasets"), _("Versioned tables of the project (Delta Lake)")):
        if may(Verb.WRITE):
            with popover(_("New dataset"), "upload", "new-dataset"):
                upload_form()
    tables, sql = st.tabs([_("Tables"), "SQL"], key="datasets-tab", on_change="rerun")
    if tables.open:
        with tables, guard():
            _tables()
    if sql.open:
        with sql:
            _sql()


def upload_form(name: str = "") -> None:
    """A form that makes a dataset, or the next version of the one named."""
    with st.form(f"upload-{name}", border=False):
        chosen = name or st.text_input(
            _("Dataset"), placeholder=_("the file's name"), help=_("a-z, 0-9 and dashes"), max_chars=30
        )
        file = st.file_uploader(_("CSV with a header, or Parquet; at most 200 MiB"), type=["csv", "parquet"])
        append = st.toggle(_("Append to the present rows"))
        replace = bool(name) or st.toggle(_("Replace the rows of a dataset that is there"))
        if st.form_submit_button(_("Save"), type="primary"):
            if not file:
                st.warning(_("Choose a file."))
            elif not (named := chosen.strip() or feature_store.name_of_file(file.name)):
                st.warning(_("Give the dataset a name."))
            elif append or replace or not (there := _rows_of(named)):
                _upload(named, file.getvalue(), file.name, append)
            else:
                st.warning(there)


def _rows_of(name: str) -> str:
    """What is to be said of a dataset that is there, before its rows are replaced; empty where there is none of the name."""
    try:
        found = feature_store.get_dataset(who(), project(), name)[0]
    except AtriumError:
        return ""  # the upload itself says what is wrong
    words = _("{name} is there already, with {rows} rows. Append to them, replace them, or choose another name.")
    return words.format(name=found.name, rows=f"{found.rows:,}")


def _upload(name: str, content: bytes, file: str, append: bool) -> None:
    try:
        made = feature_store.import_file(who(), project(), name, content, file, append)
    except AtriumError as error:
        show_error(error)
        return
    words = _("{name} is at version {version} with {rows} rows.")
    say_after(words.format(name=made.name, version=made.version, rows=f"{made.rows:,}"))
    paging.show("dataset", name)


def _tables() -> None:
    states = {one.value: _(one.value) for one in feature_store.DatasetState}
    asked, owner, chosen = paging.asked_for(KEY)
    state = feature_store.DatasetState(chosen) if chosen else None
    found = feature_store.list_datasets(who(), project(), paging.after(KEY), paging.PAGE_ROWS, asked, owner, state)
    if not (found.items or asked or owner or state):
        empty("database", _("No datasets yet"), _("Upload a CSV or Parquet file, or run a pipeline that writes one."),
              "pipelines", _("Pipelines"))  # fmt: skip
        return
    paging.narrowing(KEY, _("Changed by"), states)
    if not found.items:
        st.caption(_("None matches."))
        return
    columns = [
        Column(_("Name")), Column(_("Rows"), "number"), Column(_("Size"), "number"), Column(_("Version"), "short"),
        Column(_("Changed"), "soft"), Column(_("By"), "soft", phone=False), Column(_("State"), "short"),
    ]  # fmt: skip
    rows: list[list[Cell | str]] = [
        [
            link(one.name, one.name, address_of("datasets", dataset=one.name)), text(f"{one.rows:,}"),
            text(size(one.size_bytes)), text(one.version), ago(one.changed_at), text(one.owner or "–"),
            status(one.state, one.message),
        ]
        for one in found.items
    ]  # fmt: skip
    with card():
        clicked = table(KEY, columns, rows, _("The project's datasets"))
        paging.turning(KEY, found.next_key)
    if clicked:
        paging.show("dataset", clicked.row)


def size(amount: int) -> str:
    """A number of bytes in KiB below 1 MiB, else in MiB."""
    return f"{amount / MIB:,.1f} MiB" if amount >= MIB else f"{amount / 1024:.1f} KiB"


def _sql() -> None:
    with guard():
        found = feature_store.list_datasets(who(), project(), None, SQL_TABLES, state=feature_store.DatasetState.READY)
        names = [f'"{one.name}"' for one in found.items]
        if names:
            st.caption(_("Tables: {names}").format(names=", ".join(f"`{one}`" for one in names)))
        _query(FIRST_ROWS.format(name=names[0]) if names else "SELECT 1 AS one")


def _query(start: str) -> None:
    with st.form("sql", border=False):
        text_ = st.text_area(
            _("Query over the project's datasets"), start, height=120, help=_("DuckDB's SQL; it only reads")
        )
        asked = st.form_submit_button(_("Run"), type="primary", icon=":material/play_arrow:")
    if asked:
        with guard(), card():
            answer = feature_store.query(who(), project(), text_)
            st.dataframe([dict(zip(answer.columns, row, strict=True)) for row in answer.rows], hide_index=True)
            st.caption(
                _("Only the first rows are shown.") if answer.cut else _("{n} rows").format(n=f"{len(answer.rows):,}")
            )
