"""A text of YAML to write: with its lines' numbers, in colours, and with the line marked that an error names."""

from hashlib import sha256

from portal.ui.frontend import mounted
from portal.words import _


def code_editor(key: str, text: str, label: str, wrong: int = 0, asked: int = 0) -> tuple[str, bool]:
    """What is written now, and whether its saving was just asked for by the keyboard (Ctrl+S, Ctrl+Enter).

    `text` stands there at first, and again whenever another is given; `wrong` is the line to mark, from 1, where an error
    names one; a larger `asked` has the cursor go there once more.
    """
    given = sha256(text.encode()).hexdigest()
    jump = _("Go to line {n}").format(n=wrong) if wrong else ""
    hint = _("Tab indents; Escape, then Tab leaves. Ctrl+S saves.")
    found = mounted("code")(
        key=f"{key}-{given[:12]}",
        data={"text": text, "given": given, "label": label, "wrong": wrong, "asked": asked, "jump": jump, "hint": hint},
        default={"text": text}, on_text_change=lambda: None, on_save_change=lambda: None,
    )  # fmt: skip
    by_keys = found.get("save")
    return str(by_keys if by_keys is not None else found.get("text", text)), by_keys is not None
