"""States as icon, colour and word; one vocabulary for all pages, whatever the back ends call them."""

from typing import Final, Literal

from portal.words import _

Tone = Literal["good", "busy", "bad", "idle", "warn"]
TONES: Final[dict[str, Tone]] = {
    "Succeeded": "good", "Running": "busy", "Failed": "bad", "Error": "bad", "Pending": "idle", "Skipped": "idle",
    "Omitted": "idle", "Stopped": "idle", "live": "good", "waiting": "idle", "loading": "busy", "failed": "bad", "FINISHED": "good",
    "RUNNING": "busy", "FAILED": "bad", "KILLED": "idle", "SCHEDULED": "idle", "READY": "good", "PENDING_REGISTRATION": "idle",
    "FAILED_REGISTRATION": "bad", "up": "good", "down": "bad", "silent": "bad", "starting": "busy", "stopped": "idle", "pending": "warn", "firing": "bad",
    "resolved": "good", "ready": "good", "unreadable": "bad", "Due": "busy", "Started": "good", "Missed": "warn", "on": "good", "suspended": "idle",
    "done": "good", "open": "idle", "used": "good", "not used": "idle", "too old": "warn", "not there": "idle",
}  # fmt: skip
WORDS: Final[dict[str, str]] = {
    "live": "Live", "waiting": "Pending", "loading": "Loading", "failed": "Failed", "FINISHED": "Succeeded", "RUNNING": "Running",
    "FAILED": "Failed", "KILLED": "Stopped", "SCHEDULED": "Pending", "READY": "Ready", "PENDING_REGISTRATION": "Pending",
    "FAILED_REGISTRATION": "Failed", "up": "Up", "down": "Down", "silent": "No answer", "starting": "Starting", "stopped": "Stopped",
    "pending": "To be confirmed", "firing": "Firing", "resolved": "Resolved", "ready": "Ready", "unreadable": "Unreadable", "on": "On",
    "suspended": "Paused", "done": "Done", "open": "To do",
    "used": "Used", "not used": "Not used", "too old": "Too old", "not there": "Not there",
}  # fmt: skip
LOOKS: Final[dict[Tone, tuple[str, str]]] = {
    "good": ("green", "check_circle"), "busy": ("blue", "progress_activity"), "bad": ("red", "error"),
    "idle": ("gray", "schedule"), "warn": ("orange", "warning"),
}  # fmt: skip


def tone(word: str) -> Tone:
    """Whether a state is good, bad, busy or neither."""
    return TONES.get(word, "idle")


def state_word(word: str) -> str:
    """A back end's state in the pages' one vocabulary and the visitor's language."""
    return _(WORDS.get(word, word))


def state(word: str) -> str:
    """A state as icon, colour and word."""
    colour, icon = LOOKS[tone(word)]
    return f":{colour}[:material/{icon}: {state_word(word)}]"
