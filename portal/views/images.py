"""What each `image:` of a step stands for on this machine, for the administrator."""

import streamlit as st

import workflows
from atrium.errors import AtriumError
from atrium.identity import Actor
from portal.ui import Cell, Column, ago, ask_first, buttons, card, empty, say_after, show_error, table, text
from portal.words import _


def kinds() -> dict[str, str]:
    """What a folder may be, in words."""
    return {
        workflows.ImageKind.VENV: _("a virtual environment"),
        workflows.ImageKind.ROOTFS: _("a root file system"),
        workflows.ImageKind.OCI: _("a container image"),
    }


def stands_for(what: str) -> str:
    """What stands for an image, in the visitor's language; the folder or version after the colon is the same in all."""
    words, _colon, which = what.partition(": ")
    return f"{_(words)} ({which})" if which else _(words)


def images(visitor: Actor) -> None:
    """The registered images, a form for one more, and the machine's own."""
    found = workflows.list_images(visitor)
    columns = [
        Column(_("Image"), "code"), Column(_("Stands for it"), "soft"), Column(_("Folder"), "code"), Column(_("Exact"), "short"),
        Column(_("Added by"), "soft", phone=False), Column(_("When"), "soft", phone=False), Column("", "actions"),
    ]  # fmt: skip
    rows: list[list[Cell | str]] = [
        [
            text(one.name), text(kinds()[one.kind]), text(one.path), _("yes") if one.exact else _("no"), text(one.added_by),
            ago(one.added_at), buttons(one.name, ("remove", _("Remove"))),
        ]
        for one in found
    ]  # fmt: skip
    with card(
        _("Images of your own"),
        _("Folders of this machine that stand for a step's image, before the machine's own images."),
    ):
        if found:
            clicked = table("images", columns, rows, _("The registered images"))
            if clicked:
                question = _("Steps that ask for {name} are refused, or get the machine's own. The folder stays.")
                ask_first(
                    question.format(name=f"`{clicked.row}`"), _("Remove"), lambda: workflows.remove_image(visitor, clicked.row)
                )  # fmt: skip
        else:
            empty(
                "deployed_code",
                _("No image is registered"),
                _("Steps use the machine's own images, which are listed below."),
            )
        _form(visitor)
    _shipped(visitor)


def _form(visitor: Actor) -> None:
    with st.form("image", border=False):
        with st.grid(3, min_column_width=200):
            name = st.text_input(
                _("Image"), placeholder="team/torch:*", max_chars=200, help=_("* stands for any characters")
            )
            kind = st.selectbox(_("Kind"), list(kinds()), format_func=kinds().__getitem__)
            path = st.text_input(
                _("Folder, or the name of a container image"), placeholder="/opt/envs/torch", max_chars=1000
            )
        exact = st.toggle(
            _("It is exactly what the name says"), True,
            help=_("Others are shown as inexact, and refused where the settings ask for exact images."),
        )  # fmt: skip
        if st.form_submit_button(_("Register"), type="primary", icon=":material/add:"):
            try:
                made = workflows.add_image(visitor, name.strip(), kind, path.strip(), exact)
            except AtriumError as error:
                show_error(error)
                return
            say_after(_("{name} is registered.").format(name=made.name))
            st.rerun()


def _shipped(visitor: Actor) -> None:
    rows: list[list[Cell | str]] = [
        [text(name), text(stands_for(what))] for name, what in workflows.shipped_images(visitor).items()
    ]
    with card(_("The machine's own images")):
        table(
            "shipped-images", [Column(_("Image"), "code"), Column(_("Stands for it"), "soft")], rows,
            _("Images that every machine knows"),
        )  # fmt: skip
