"""A setting that cannot hold is named with its value, what is allowed, and what to do."""

from collections.abc import Iterator

import pytest
from small_platform import forget_settings

from atrium.errors import SettingInvalid
from atrium.settings import ADDRESSES, EMBEDDED_ONLY, Settings, get_settings, unknown_settings

TYPED = {
    name: field.annotation for name, field in Settings.model_fields.items() if field.annotation in (bool, int, float)
}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    forget_settings()
    yield
    monkeypatch.undo()
    forget_settings()


def _told(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> SettingInvalid:
    monkeypatch.setenv(f"ATRIUM_{name.upper()}", value)
    with pytest.raises(SettingInvalid) as caught:
        get_settings()
    assert f"setting ATRIUM_{name.upper()} is {value!r}" == caught.value.asked
    assert f"change or unset ATRIUM_{name.upper()}" in caught.value.next_step
    return caught.value


@pytest.mark.parametrize("name", sorted(TYPED))
def test_each_typed_setting_is_named_with_what_it_may_be(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    expected = {bool: "true or false", int: "a whole number", float: "a number"}[TYPED[name]]
    assert _told(monkeypatch, name, "several").allowed.startswith(expected)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [("port", "0", "a whole number of at least 1 and at most 65534"), ("port", "99999", "at most 65534"), ("session_hours", "0", "over 0 and at most 720"),
     ("step_slots", "-1", "of at least 0"), ("log_level", "loud", "one of debug, info, warning, error"), ("bind", "localhost", "an IP address"),
     ("public_host", "http://x", "a host name without scheme"), ("replicas", "a:8080,b", "like 10.0.0.1:8080"), ("replicas", "a:65535", "like"),
     ("replicas", "http://a:8080", "like")],
)  # fmt: skip
def test_a_value_out_of_bounds_is_told_with_the_bounds(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    assert allowed in _told(monkeypatch, name, value).allowed


@pytest.mark.parametrize("name", sorted(ADDRESSES.keys() - EMBEDDED_ONLY))
@pytest.mark.parametrize("value", ["nonsense", "ftp://somewhere", "://"])
def test_an_address_that_is_none_is_told_with_an_example(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert "an address like " in _told(monkeypatch, name, value).allowed


@pytest.mark.parametrize("name", sorted(EMBEDDED_ONLY))
def test_a_seam_without_another_end_yet_refuses_an_address(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert _told(monkeypatch, name, ADDRESSES[name][1]).allowed.startswith("empty: this version has the embedded one")


@pytest.mark.parametrize("name", sorted(ADDRESSES.keys() - EMBEDDED_ONLY))
def test_the_examples_in_those_messages_are_accepted(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"ATRIUM_{name.upper()}", ADDRESSES[name][1])
    assert getattr(get_settings(), name) == ADDRESSES[name][1]


def test_a_wrong_password_setting_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATRIUM_ADMIN_PASSWORD", "very secret indeed")
    assert "very secret" not in repr(get_settings())


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"TLS_CERT": "/x"}, "must be set together"), ({"PORT": "9000", "CONTENT_PORT": "9000"}, "two ports")],
)
def test_settings_that_exclude_each_other_are_named(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], told: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"ATRIUM_{name}", value)
    with pytest.raises(SettingInvalid, match=told):
        get_settings()


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"ATRIUM_{name.upper()}", "")
    assert get_settings().port == 8080


def test_a_misspelt_setting_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATRIUM_PROT", "9000")
    assert unknown_settings() == ["ATRIUM_PROT"]
