"""Documents say what the code has."""

import re

import pytest
from support import CHECKOUT

from app.cli import main
from app.components import COMPONENTS
from app.deploying.custom_resources import USES, table, used
from app.documents import example_file, rights_table, rules_table, settings_table
from monitoring.rules import rules

EVERYTHING = "\n".join(path.read_text() for path in [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))])


def test_the_table_of_settings_is_the_codes() -> None:
    assert (CHECKOUT / "docs" / "settings.md").read_text() == settings_table()
    assert (CHECKOUT / ".env.example").read_text() == example_file()


def test_the_list_of_custom_resources_is_that_of_the_rights() -> None:
    assert (CHECKOUT / "docs" / "custom-resources.md").read_text() == table()
    assert set(USES) == {one.plural for one in used()}


def test_the_table_of_alert_rules_is_the_codes() -> None:
    assert rules_table() in (CHECKOUT / "docs" / "monitoring.md").read_text()


def test_each_metric_of_a_rule_is_described() -> None:
    text = (CHECKOUT / "docs" / "monitoring.md").read_text().partition("## Alerts")[0]
    inner = {"atrium_collector_up", "atrium_prometheus_answers"}
    assert {one.query.metric for one in rules()} - inner - set(re.findall(r"`(\w+)`", text)) == set()


def test_the_table_of_rights_is_the_codes() -> None:
    assert rights_table() in (CHECKOUT / "docs" / "security.md").read_text()


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
    code = "\n".join(path.read_text() for folder in ("atrium", "tenancy", "workflows", "feature_store", "model_registry", "serving", "monitoring", "app")
                     for path in (CHECKOUT / folder).rglob("*.py"))  # fmt: skip
    assert {name for name in re.findall(r"docs/\w+\.md", code) if not (CHECKOUT / name).exists()} == set()
