"""What a visitor chose of the looks, kept in two cookies that every page of the platform reads."""

from typing import Final

LANGUAGE_COOKIE: Final = "atrium_language"  # en or zh_CN
THEME_COOKIE: Final = "atrium_theme"  # System, Light or Dark
