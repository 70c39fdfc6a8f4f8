"""Every error that a person may meet. A message has three parts: what was asked, what is allowed, the next step.

    AtriumError
    ├── SettingInvalid           a setting has a value that is not allowed
    ├── NotSignedIn       401    no session or token, or one that has ended
    ├── Forbidden         403    the role does not allow it
    ├── NotFound          404    no such object
    ├── Conflict          409    the object is in a state, or has a name, that excludes it
    ├── Invalid           400    the input is wrong
    ├── TooLarge          413    the input passes a bound
    ├── TooManyRequests   429    asked too often
    └── Unavailable       503    a back end does not answer; 507 (StorageFull) where the disk is full

Areas subclass these and name them for what happened to the caller (`ModelNotFound`, `QuotaExceeded`).
"""

from typing import ClassVar

from atrium.words import ENGLISH, WHOLE, language_of, translated


class AtriumError(Exception):
    """An error with a message for a person; `status` is what it becomes over HTTP."""

    status: ClassVar[int] = 500

    def __init__(self, asked: str, allowed: str, next_step: str) -> None:
        super().__init__(f"{asked}: {allowed}. Next: {next_step}.")
        self.asked, self.allowed, self.next_step = asked, allowed, next_step


class SettingInvalid(AtriumError):
    """A setting has a value that is not allowed."""


class NotSignedIn(AtriumError):
    """No session or token was given, or it has ended."""

    status = 401


class Forbidden(AtriumError):
    """The person's role does not allow what was asked."""

    status = 403


class NotFound(AtriumError):
    """The object does not exist, or not in this project."""

    status = 404


class Conflict(AtriumError):
    """The object's state or an equal name excludes what was asked."""

    status = 409


class Invalid(AtriumError):
    """The input is wrong."""

    status = 400


class TooLarge(AtriumError):
    """The input passes a bound on its size."""

    status = 413


class TooManyRequests(AtriumError):
    """The same was asked too often in a short time."""

    status = 429


class Unavailable(AtriumError):
    """A back end does not answer."""

    status = 503


def in_words(error: AtriumError, language: str) -> dict[str, str]:
    """An error's three parts, and all of them as its message, in `language` as far as the catalogue has them."""
    names = ("asked", "allowed", "next_step")
    parts = {name: translated(getattr(error, name), language) for name in names}
    message = str(error) if language == ENGLISH else WHOLE.format(**parts)
    return {"message": message, **parts}


def error_body(error: AtriumError, reference: str | None = None, accepted: str = "") -> dict[str, object]:
    """The one JSON shape of every error that leaves by HTTP; `reference` finds the log line of an unexpected one.

    `accepted` is the request's Accept-Language; the words follow it.
    """
    body: dict[str, object] = {"error": type(error).__name__, **in_words(error, language_of(accepted))}
    return body | ({"reference": reference} if reference else {})
