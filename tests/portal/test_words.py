"""Every word of the pages is there in Chinese."""

import ast
import re

import pytest
from babel.messages.pofile import read_po
from messages import messages
from support import CHECKOUT

from atrium.identity import Kind, Role
from atrium.words import catalogue
from monitoring.rules import rules
from portal.ui.states import TONES
from portal.ui.states import WORDS as STATE_WORDS
from portal.words import engine
from portal.words.engine import SENTENCES
from portal.words.widgets import OWN
from workflows.clusters.detecting import KNOWN
from workflows.engine.environments import WORDS
from workflows.engine.images import MACHINE, shipped_image

PORTAL = CHECKOUT / "portal"
CATALOGUE = PORTAL / "words" / "zh_CN.po"


def said() -> set[str]:
    """Every text that the pages give to `_`."""
    found: set[str] = set()
    for path in PORTAL.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
                found |= {
                    one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    return found | monitoring_says()


def monitoring_says() -> set[str]:
    """Every sentence that monitoring says and pages translate: `Said`'s texts, the rules' summaries and next steps."""
    found = {text for one in rules() for text in (one.summary, one.next_step)}
    for path in (CHECKOUT / "monitoring").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Said" and node.args:
                first = node.args[0]
                found |= {first.value} if isinstance(first, ast.Constant) and isinstance(first.value, str) else set()
    return found - {""}


def translated() -> dict[str, str]:
    with CATALOGUE.open("rb") as file:
        return {str(one.id): str(one.string) for one in read_po(file, locale="zh_CN") if one.id}


def test_no_text_lacks_its_chinese() -> None:
    assert sorted(said() - set(translated())) == []


def test_no_translation_is_empty() -> None:
    assert [text for text, chinese in translated().items() if not chinese] == []


def test_each_placeholder_is_in_both() -> None:
    for text, chinese in translated().items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", chinese))


def test_every_state_and_role_is_in_chinese() -> None:
    states = {STATE_WORDS.get(state, state) for state in TONES}
    assert sorted({*states, *(role.value for role in Role), *(kind.value for kind in Kind)} - set(translated())) == []


def test_every_word_of_streamlits_own_widgets_is_in_chinese() -> None:
    assert sorted(set(OWN) - set(translated())) == []


def test_every_sentence_of_the_engine_is_in_chinese() -> None:
    assert sorted(set(SENTENCES) - set(translated())) == []


def test_a_sentence_of_the_engine_is_told_with_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_", translated().__getitem__)
    assert engine.of_engine("main: Error (exit code 3)") == "容器 main 出错，退出码 3"
    nested = engine.of_engine("error in entry template execution: No more retries left")
    assert nested == "执行入口模板时出错：重试次数已用尽"
    assert engine.of_engine("words that nobody knows") == "words that nobody knows"


def test_what_stands_for_an_image_is_in_chinese() -> None:
    shipped = [shipped_image(name) for name in ("atrium/runtime:1", "python:3.11", *MACHINE, "argoproj/argosay:v2")]
    said = {one.stands_for.partition(": ")[0] for one in shipped if one} | set(WORDS.values())
    assert sorted(said - set(translated())) == []


def test_what_a_clusters_software_is_used_for_is_in_chinese() -> None:
    assert sorted({one.used for one in KNOWN if one.used} - set(translated())) == []


def test_every_message_that_the_code_raises_is_in_chinese() -> None:
    """Errors are raised in English; `{1}`, `{2}` stand for the values of an f-string. Add what is missing to atrium/words/zh_CN.po."""
    assert len(messages()) > 400
    assert sorted(messages() - set(catalogue("zh_CN"))) == []


def test_the_catalogue_has_no_message_that_nothing_raises() -> None:
    assert sorted(set(catalogue("zh_CN")) - messages()) == []
