"""Errors in the reader's language. That the catalogue has every message is tested in portal/test_words.py, beside the pages' words."""

import re

import pytest
from messages import messages

from atrium.errors import Forbidden, Invalid, error_body
from atrium.words import VALUE, catalogue, language_of, pattern, translated

CHINESE = re.compile("[\u4e00-\u9fff]")


def test_every_translation_is_chinese_or_a_command_and_has_the_same_values() -> None:
    for text, said in catalogue("zh_CN").items():
        assert CHINESE.search(said) or said == text, text  # a command or a name reads alike in both
        assert sorted(VALUE.findall(text)) == sorted(VALUE.findall(said)), text


@pytest.mark.parametrize("text", sorted(messages()))
def test_each_message_with_values_is_found_again_with_those_values(text: str) -> None:
    filled = VALUE.sub(lambda one: f"'v{one[1]}'", text)
    said = catalogue("zh_CN")[text]
    assert pattern(text).fullmatch(filled)
    assert translated(filled, "zh_CN") == VALUE.sub(lambda one: f"'v{one[1]}'", said)


def test_an_error_leaves_in_the_language_that_was_asked_for() -> None:
    error = Forbidden(
        "'bob' asked to write in project 'flights'", "this takes the role admin there", "ask the administrator"
    )
    body = error_body(error, accepted="zh-CN,zh;q=0.9,en;q=0.8")
    assert body["asked"] == "'bob' 请求在项目 'flights' 中执行 write"
    assert body["message"] == f"{body['asked']}：这需要在那里拥有角色 admin。下一步：请联系管理员。"
    assert error_body(error)["message"] == str(error) == error_body(error, accepted="fr, en;q=0.5")["message"]


def test_a_message_that_was_kept_whole_is_told_in_parts_and_a_strangers_stays_as_it_is() -> None:
    kept = str(Invalid("secret 'a: b' of 0 bytes", "at most 5 bytes", "check the path"))
    assert translated(kept, "zh_CN") == "0 字节的密钥 'a: b'：最多 5 字节。下一步：请检查路径。"
    for strange in ("templates.main: unknown field. Next: nothing.", "x" * 5000, "", "工作流"):
        assert translated(strange, "zh_CN") == strange


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh-CN", "zh_CN"),
        ("en-US,zh;q=0.9", "en"),
        ("zh;q=0.2,en;q=0.9", "en"),
        ("fr,zh-TW;q=0.5", "zh_CN"),
        (";;q=,", "en"),
    ],
)
def test_the_first_language_that_there_is_is_taken(accepted: str, language: str) -> None:
    assert language_of(accepted) == language
