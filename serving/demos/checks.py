"""What is wrong with a form, told with its fields' own titles."""

from collections.abc import Mapping

from serving.demos.fields import Field, Form
from serving.demos.words import Tongue, say


def _wrong(field: Field, value: object, language: Tongue) -> tuple[str, str] | None:
    title = field.title(language == "zh")
    least, most = field.minimum, field.maximum
    bounded = least is not None and most is not None
    if value is None or value == "":
        if field.numeric and field.about.get("missing"):
            return None
        allowed = say(language, "from_to", least=f"{least:g}", most=f"{most:g}") if bounded else say(language, "any")
        return say(language, "empty", title=title), allowed
    if not isinstance(value, int | float) or least is None or most is None or least <= value <= most:
        return None
    return (
        say(language, "outside", title=title, value=f"{value:g}"),
        say(language, "from_to", least=f"{least:g}", most=f"{most:g}"),
    )


def complaint(form: Form, row: Mapping[str, object], language: Tongue) -> tuple[str, str] | None:
    """What is wrong with the first wrong field, and what is allowed there; None where all are as the model takes them."""
    found = (_wrong(field, row.get(field.name), language) for field in form.fields)
    return next((one for one in found if one), None)
