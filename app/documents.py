"""Documents that are made from the code: the table of settings, and `.env.example`."""

import re
from pathlib import Path

from app.deploying.custom_resources import table
from atrium.identity import RIGHTS, Role, Verb
from atrium.settings import CHECKOUT, EMBEDDED_ONLY, Settings
from monitoring.rules import rules, shown

HEAD = "# Settings\n\nEach is an environment variable, or a line of `.env` in the checkout. Made by `python -m app.documents`.\n\n"


def _default(name: str) -> str:
    value = Settings.model_fields[name].default
    if isinstance(value, Path):
        return str(value.relative_to(CHECKOUT)) if value.is_relative_to(CHECKOUT) else str(value)
    return "" if value is None else str(value)


def _hint(name: str) -> str:
    return ". Not in this version: refused where it is set" if name in EMBEDDED_ONLY else ""


def settings_table() -> str:
    """The text of docs/settings.md."""
    rows = [
        f"| `ATRIUM_{name.upper()}` | {_default(name) or '–'} | {field.description}{_hint(name)} |"
        for name, field in Settings.model_fields.items()
    ]
    return HEAD + "| setting | default | what it is |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"


MEANINGS = {
    Verb.READ: "sees pages, runs, logs, artifacts, models, services, features, figures",
    Verb.USE: "asks models and demos, gives verdicts",
    Verb.WRITE: "saves and runs pipelines, logs to MLflow, registers models, writes features and datasets",
    Verb.DEPLOY: "puts models into service and demos in front of them",
    Verb.MANAGE: "adds and removes members, sets secrets, opens demos to everybody, reads the project's audit",
    Verb.ADMINISTER: "makes projects and users, reads the whole audit and `/metrics`",
}


def rights_table() -> str:
    """The table of docs/security.md: each role by each verb."""
    roles = [role.value for role in Role]
    head = f"| right | what it allows | {' | '.join(roles)} | administrator |\n|{' --- |' * (len(roles) + 3)}\n"
    rows = [
        f"| {verb.value} | {MEANINGS[verb]} | {' | '.join('yes' if verb in RIGHTS[role] else '–' for role in Role)} | yes |"
        for verb in Verb
    ]
    return head + "\n".join(rows) + "\n"


def example_file() -> str:
    """The text of .env.example."""
    return (
        "\n".join(
            f"# {field.description}\n# ATRIUM_{name.upper()}={_default(name)}"
            for name, field in Settings.model_fields.items()
            if name not in EMBEDDED_ONLY
        )
        + "\n"
    )


def rules_table() -> str:
    """The table of alert rules in docs/monitoring.md, with the bounds that hold by default."""
    rows = []
    for one in rules():
        bound = (
            f"below {shown(one.below, one.unit)}"
            if one.below is not None
            else f"above {shown(one.above or 0, one.unit)}"
        )
        measured = f"`{one.query.metric}`" + (f" ÷ `{one.over.metric}`" if one.over else "")
        said = one.summary.replace("{value}", "…").replace(
            "{object}", f"*{one.kind}*" if one.kind != "platform" else "…"
        )
        rows.append(f"| {one.name} | {one.severity} | {said} | {measured} {bound} | {one.for_seconds:.0f} s |")
    return (
        "| rule | severity | what it says | true while | for |\n| --- | --- | --- | --- | --- |\n"
        + "\n".join(rows)
        + "\n"
    )


def with_rules(text: str) -> str:
    """A document with its table of rules as the code has them now."""
    return re.sub(r"\| rule \|.*?\n(?!\|)", lambda _found: rules_table(), text, count=1, flags=re.DOTALL)


if __name__ == "__main__":
    (CHECKOUT / "docs" / "settings.md").write_text(settings_table())
    (CHECKOUT / ".env.example").write_text(example_file())
    (CHECKOUT / "docs" / "custom-resources.md").write_text(table())
    monitoring = CHECKOUT / "docs" / "monitoring.md"
    monitoring.write_text(with_rules(monitoring.read_text()))
