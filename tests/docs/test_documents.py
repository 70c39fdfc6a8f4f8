"""Documents say what the code has."""

import re

import pytest
from support import CHECKOUT

from app.cli import main
from app.components import COMPONENTS
from app.documents import example_file, settings_table

EVERYTHING = "\n".join(path.read_text() for path in [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))])


def test_the_table_of_settings_is_the_codes() -> None:
    assert (CHECKOUT / "docs" / "settings.md").read_text() == settings_table()
    assert (CHECKOUT / ".env.example").read_text() == example_file()


@pytest.mark.parametrize("command", sorted(main.commands))
def test_each_command_is_described(command: str) -> None:
    assert f"`{command}" in EVERYTHING or f" {command} " in EVERYTHING


@pytest.mark.parametrize("target", re.findall(r"^([a-z]+):.*## ", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
def test_each_target_is_described(target: str) -> None:
    assert f"make {target}" in EVERYTHING


@pytest.mark.parametrize("name", [one.name for one in COMPONENTS])
def test_each_process_is_described(name: str) -> None:
    assert f"| {name} |" in EVERYTHING


def test_documents_that_messages_name_are_there() -> None:
    code = "\n".join(path.read_text() for folder in ("atrium", "tenancy", "workflows", "feature_store", "model_registry", "serving", "app")
                     for path in (CHECKOUT / folder).rglob("*.py"))  # fmt: skip
    assert {name for name in re.findall(r"docs/\w+\.md", code) if not (CHECKOUT / name).exists()} == set()
