"""What to do first in a project: a short list that ticks itself off and then goes away."""

from dataclasses import dataclass

import streamlit as st

import feature_store
import serving
import tenancy
import workflows
from atrium.identity import Actor, Verb
from portal.session import may, project, who
from portal.ui import Column, Panel, address_of, link, status, table_panel
from portal.words import _

SEEN = "atrium_seen_dashboard"
LATEST = 50
NAME = "first-steps"


@dataclass(frozen=True)
class Step:
    """One thing to do, whether it was done, and the page where it is done."""

    words: str
    done: bool
    page: str


def note_dashboard_seen() -> None:
    """Ticks the dashboard off, for this browser; its cookie is set by the frame of the pages."""
    st.session_state[SEEN] = True


def _ran(visitor: Actor, here: str) -> bool:
    """Whether the visitor began a run after the very first one, which setting up begins in an administrator's name."""
    found = workflows.list_runs(visitor, here, limit=LATEST)
    own = sum(run.owner == visitor.name for run in found.items)
    first = not found.next_key and bool(found.items) and found.items[-1].owner == visitor.name
    return own > int(first)


def _steps(visitor: Actor, here: str) -> list[Step]:
    found: list[Step] = []
    datasets = {one.name for one in feature_store.list_datasets(visitor, here)}
    pipelines = workflows.list_pipelines(visitor, here)
    if "flights" in datasets:
        seen = bool(st.session_state.get(SEEN) or st.context.cookies.get(SEEN))
        found.append(Step(_("See the data and the model in figures"), seen, "dashboard"))
    if serving.list_demos(visitor, here):
        said = any(one.user == visitor.name for one in serving.list_feedback(visitor, here, limit=200))
        words = _("Ask the live model in its demo, and tell whether it was right")
        found.append(Step(words, said, "demos"))
    if may(Verb.WRITE):
        found += _engineering(visitor, here, bool(datasets), bool(pipelines))
    return found


def _engineering(visitor: Actor, here: str, has_data: bool, has_pipelines: bool) -> list[Step]:
    token = any(here in one.projects and not one.revoked_at for one in tenancy.list_tokens(visitor))
    words = _("Create a token for MLflow, Hera, argo, Triton and REST")
    found = [Step(words, token, "settings")]
    if has_pipelines:
        found.append(Step(_("Run a pipeline and watch its steps"), _ran(visitor, here), "pipelines"))
        return found
    found.append(Step(_("Upload a table, or have a pipeline write one"), has_data, "datasets"))
    found.append(Step(_("Save a pipeline"), False, "pipelines"))
    return found


def first_steps() -> Panel | None:
    """The list, unless all of it is done; a click leads to the page that is the row's name."""
    steps = _steps(who(), project())
    if all(one.done for one in steps):
        return None
    rows = [[status("done" if one.done else "open"), link(one.words, one.page, address_of(one.page))] for one in steps]
    lead = _("{done} of {all} done").format(done=sum(one.done for one in steps), all=len(steps))
    return table_panel(NAME, [Column("", "short"), Column()], rows, _("First steps"), _("First steps"), lead)
