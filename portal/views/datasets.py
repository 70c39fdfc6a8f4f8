"""Datasets: what there is, what is in it, its versions; new ones by upload; SQL over all of them."""

import streamlit as st

import feature_store
from atrium.identity import Verb
from portal.session import may, project, who
from portal.ui import age, card, empty, guard, header, snippet
from portal.words import _

MIB = 1024 * 1024


def page() -> None:
    """The datasets."""
    with header(_("Datasets"), _("Versioned tables of the project (Delta Lake)")):
        if may(Verb.WRITE):
            with st.popover(_("Upload CSV"), icon=":material/upload:"):
                _upload()
    with guard():
        found = feature_store.list_datasets(who(), project())
        if not found:
            empty("database", _("No datasets yet"), _("Upload a CSV file, or run a pipeline that writes one."))
            return
        tables, sql = st.tabs([_("Tables"), "SQL"])
        with tables:
            _tables(found)
        with sql:
            _sql()


def _upload() -> None:
    with st.form("upload", border=False):
        name = st.text_input(_("Dataset"), placeholder="my-table")
        file = st.file_uploader(_("CSV with a header, at most 200 MiB"), type="csv")
        append = st.toggle(_("Append to the present rows"))
        if st.form_submit_button(_("Upload"), type="primary") and file:
            with guard():
                made = feature_store.import_csv(who(), project(), name, file.getvalue(), append)
                st.success(
                    _("{name} is at version {version} with {rows} rows.").format(
                        name=made.name, version=made.version, rows=f"{made.rows:,}"
                    )
                )


def _tables(found: list[feature_store.DatasetView]) -> None:
    st.table(
        {
            _("Name"): [one.name for one in found], _("Rows"): [f"{one.rows:,}" for one in found],
            _("Size"): [f"{one.size_bytes / MIB:.1f} MiB" for one in found], _("Version"): [one.version for one in found],
            _("Changed"): [age(one.changed_at) for one in found],
        }
    )  # fmt: skip
    name = st.selectbox(_("Show"), [one.name for one in found], key="dataset", bind="query-params")
    view, columns, versions = feature_store.get_dataset(who(), project(), name)
    first, columns_tab, versions_tab = st.tabs([_("First rows"), _("Columns"), _("Versions")])
    with first:
        answer = feature_store.preview(who(), project(), name)
        st.dataframe([dict(zip(answer.columns, row, strict=True)) for row in answer.rows], height=320, hide_index=True)
    with columns_tab:
        _columns(name, columns)
    with versions_tab:
        _versions(view, versions)
    snippet("Python", f'from deltalake import DeltaTable\n\nDeltaTable("$ATRIUM_DATA/datasets/{name}").to_pandas()')


def _columns(name: str, columns: list[tuple[str, str]]) -> None:
    if st.button(_("Measure the columns"), icon=":material/analytics:"):
        answer = feature_store.profile(who(), project(), name)
        st.dataframe(
            [{key: str(value) for key, value in zip(answer.columns, row, strict=True)} for row in answer.rows],
            hide_index=True,
        )
    else:
        st.table({_("Column"): [one for one, _type in columns], _("Type"): [kind for _name, kind in columns]})


def _versions(view: feature_store.DatasetView, versions: list[feature_store.VersionView]) -> None:
    for one in versions[:10]:
        row = st.columns([1, 2, 2, 2], vertical_alignment="center", gap="small")
        row[0].markdown(f"**{one.version}**")
        row[1].caption(one.operation + (f" · {one.by}" if one.by else ""))
        row[2].caption(age(one.at))
        if (
            one.version != view.version
            and may(Verb.WRITE)
            and row[3].button(_("Restore"), key=f"restore-{one.version}", help=str(one.version))
        ):
            feature_store.restore(who(), project(), view.name, one.version)
            st.rerun()


def _sql() -> None:
    with st.form("sql", border=False):
        text = st.text_area("SQL", "SELECT origin, count(*) AS flights FROM flights GROUP BY origin", height=120)
        asked = st.form_submit_button(_("Run"), type="primary", icon=":material/play_arrow:")
    if asked:
        with guard(), card():
            answer = feature_store.query(who(), project(), text)
            st.dataframe([dict(zip(answer.columns, row, strict=True)) for row in answer.rows], hide_index=True)
            if answer.cut:
                st.caption(_("Only the first rows are shown."))
