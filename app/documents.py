"""Documents that are made from the code: the table of settings, and `.env.example`."""

from pathlib import Path

from atrium.settings import CHECKOUT, Settings

HEAD = "# Settings\n\nEach is an environment variable, or a line of `.env` in the checkout. Made by `python -m app.documents`.\n\n"


def _default(name: str) -> str:
    value = Settings.model_fields[name].default
    if isinstance(value, Path):
        return str(value.relative_to(CHECKOUT)) if value.is_relative_to(CHECKOUT) else str(value)
    return "" if value is None else str(value)


def settings_table() -> str:
    """The text of docs/settings.md."""
    rows = [
        f"| `ATRIUM_{name.upper()}` | {_default(name) or '–'} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return HEAD + "| setting | default | what it is |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"


def example_file() -> str:
    """The text of .env.example."""
    return (
        "\n".join(
            f"# {field.description}\n# ATRIUM_{name.upper()}={_default(name)}"
            for name, field in Settings.model_fields.items()
        )
        + "\n"
    )


if __name__ == "__main__":
    (CHECKOUT / "docs" / "settings.md").write_text(settings_table())
    (CHECKOUT / ".env.example").write_text(example_file())
