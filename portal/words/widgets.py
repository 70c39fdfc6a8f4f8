"""What Streamlit's own widgets say in English, for which they have no setting: the browser's part puts the visitor's language there."""

from typing import Final

from portal.words import _

OWN: Final = (
    "Upload", "{} per file", "Add files", "Drag and drop a file here", "{} files are not allowed.", "Select all", "Select {} matches",
    "No results", "Add: {}", "Clear all", "Clear value", "Remove {}", "Open", "Close", "Press Enter to apply", "Press Enter to submit form",
    "Press Ctrl+Enter to apply", "Press Ctrl+Enter to submit form", "Increment", "Decrement", "Fullscreen", "Close fullscreen",
    "Download as CSV", "Copy to clipboard", "Show password", "Hide password",
    "Show/hide columns", "Search", "Selected values", "Help for {}", "App pages", "Collapse sidebar", "Expand sidebar", "Navigate to home page",
    "Skip to main content", "Scroll tabs left", "Scroll tabs right", "Notifications", "Sidebar",
)  # fmt: skip


def own_words() -> list[tuple[str, str]]:
    """Each that reads otherwise in the visitor's language, with what it reads there; `{}` is what differs from time to time."""
    return [(one, _(one)) for one in OWN if _(one) != one]
