"""The fields of a demo's form, from a service's signature and what the model's makers say of its inputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from serving.demos.known import Question, Typical
from serving.models import ServiceView
from serving.rows import columns_of, example_rows, input_names, input_title


@dataclass(frozen=True)
class Field:
    """One input: a choice where it has `names`, a text where `numeric` is false, else a number; `about` is its makers' word."""

    name: str
    label: str
    numeric: bool
    whole: bool
    names: Mapping[str, str] = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    looked_up: bool = False
    first: object = None
    about: Mapping[str, object] = field(default_factory=dict)

    def title(self, chinese: bool) -> str:
        """Its title with its unit."""
        return input_title(self.name, self.about, chinese)

    def choices(self, chinese: bool = False) -> list[tuple[str, str | float]]:
        """Its values with what they are called; empty where any value may be given."""
        named = input_names(self.about, chinese).items()
        return [(called, float(value) if self.numeric else value) for value, called in named]


@dataclass(frozen=True)
class Form:
    """A demo's form: `entities` are the fields by which `feature_service` is looked up; an image has one field."""

    kind: Literal["tabular", "image"]
    fields: tuple[Field, ...]
    feature_service: str | None
    entities: tuple[str, ...]
    outputs: Mapping[str, Mapping[str, object]]
    typical: tuple[Typical, ...] = ()
    questions: tuple[Question, ...] = ()
    titles: tuple[str, str] = ("", "")
    about: tuple[str, str] = ("", "")

    def headed(self, title: str) -> tuple[str, str]:
        """A demo's title in English and in Chinese: a title that is the model's own has the model's translation."""
        english, chinese = self.titles
        return title, chinese if chinese and title == english else title

    @property
    def chosen_by(self) -> tuple[str, ...]:
        """The fields on which it depends what is filled in."""
        named = [*(one for part in self.typical for one in part.by), *(self.entities if self.feature_service else ())]
        here = {one.name for one in self.fields}
        return tuple(one for one in dict.fromkeys(named) if one in here)

    @property
    def looked_up(self) -> tuple[Field, ...]:
        """The fields that the feature store fills in."""
        return tuple(one for one in self.fields if one.looked_up)


def _bound(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def form_of(service: ServiceView) -> Form:
    """The form of a service's demo; its first values are those of the input example."""
    said, rows = service.metadata, example_rows(service.example, 1)
    inputs, looked_up = said.get("inputs") or {}, set(said.get("looked_up") or ())
    first = rows[0] if rows else {}
    fields = []
    for column in columns_of(service.signature):
        name, about = str(column["name"]), inputs.get(column["name"]) or {}
        datatype = str(column["datatype"])
        fields.append(
            Field(
                name, input_title(name, about), datatype != "BYTES", datatype.startswith(("INT", "UINT")),
                input_names(about), _bound(about.get("minimum")), _bound(about.get("maximum")), name in looked_up,
                about.get("first", first.get(name)), about,
            )
        )  # fmt: skip
    kind: Literal["tabular", "image"] = "image" if said.get("kind") == "image" else "tabular"
    entities = tuple(str(one) for one in said.get("entities") or ())
    titles = str(said.get("title") or ""), str(said.get("title_zh") or "")
    told = str(said.get("description") or ""), str(said.get("description_zh") or "")
    typical = tuple(Typical(tuple(one["by"]), tuple(one["columns"]), one["rows"]) for one in said.get("typical") or ())
    asked = tuple(Question(one["fills"], one["by"], one["values"], one) for one in said.get("questions") or ())
    return Form(
        kind,
        tuple(fields),
        said.get("feature_service"),
        entities,
        said.get("outputs") or {},
        typical,
        asked,
        titles,
        told,
    )
