"""Volumes of pods as folders of this machine: empty ones, claims, and files from config maps, secrets and facts about the pod."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from workflows.engine.beneath import Spot, make_around, opened
from workflows.engine.sandbox import Mount
from workflows.engine.state import Json
from workflows.engine.variables import Known, ReferenceMissing

KINDS = ("emptyDir", "persistentVolumeClaim", "configMap", "secret", "projected", "downwardAPI", "ephemeral")


class VolumeInvalid(ValueError):
    """A volume cannot be had on this machine."""


def inside(root: Path, path: str) -> Path:
    """Where `path`, as a container writes it, lies below `root`. Raises `VolumeInvalid` for one that leads out of it."""
    target = root / path.lstrip("/")
    real, base = Path(os.path.realpath(target)), Path(os.path.realpath(root))
    if not real.is_relative_to(base):
        raise VolumeInvalid(f"path {path} leads out of the step's own folder")
    return target


def _made_within(volume: Path, path: str) -> str:
    """The path of a volume's part without links, its folder made where nothing is there. Raises `VolumeInvalid`, `OSError`."""
    real = str(inside(volume, path).resolve().relative_to(volume.resolve()))
    try:
        with opened(Spot(volume, real)):
            return real
    except FileNotFoundError:
        make_around(Spot(volume, f"{real}/."))
        return real


class Volumes:
    """The volumes of one pod.

    `folder` holds those of the pod itself, `claims` the project's claims by name, `run_claims` those that the workflow's claim
    templates made.
    """

    def __init__(
        self, defined: Iterable[Json], folder: Path, claims: Path, run_claims: Mapping[str, Path], known: Known
    ):
        self.defined = {str(one["name"]): one for one in defined}
        self.folder, self.claims, self.run_claims, self.known = folder, claims, run_claims, known
        self.made: dict[str, Path] = {}

    def mounts(self, body: Json, more: Iterable[Json] = ()) -> list[Mount]:
        """What a container mounts. Raises `VolumeInvalid`, `ReferenceMissing`."""
        found = []
        for one in [*(body.get("volumeMounts") or []), *more]:
            source = self._source(str(one["name"]))
            within = _made_within(source, str(one["subPath"])) if one.get("subPath") else ""
            fixed = any(
                kind in self.defined.get(str(one["name"]), {})
                for kind in ("configMap", "secret", "projected", "downwardAPI")
            )
            target = "/" + str(one["mountPath"]).strip("/")
            found.append(Mount(source, target, writable=not (one.get("readOnly") or fixed), within=within))
        return found

    def _source(self, name: str) -> Path:
        if name not in self.made:
            self.made[name] = self._make(name)
        return self.made[name]

    def _make(self, name: str) -> Path:
        if name in self.run_claims:
            self.run_claims[name].mkdir(parents=True, exist_ok=True)
            return self.run_claims[name]
        if name not in self.defined:
            raise VolumeInvalid(f"volume '{name}' not found in workflow spec")
        volume = self.defined[name]
        if claim := volume.get("persistentVolumeClaim"):
            place = inside(self.claims, str(claim["claimName"]))
            place.mkdir(parents=True, exist_ok=True)
            return place
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        if "emptyDir" in volume or "ephemeral" in volume:
            place.chmod(0o777)
            return place
        self._fill(place, volume)
        return place

    def _fill(self, place: Path, volume: Json) -> None:
        """Writes the files of a config map, a secret, facts about the pod, or of several of them."""
        sources = (volume.get("projected") or {}).get("sources") if "projected" in volume else [volume]
        mode = int((volume.get("projected") or {}).get("defaultMode") or 0o644)
        for source in sources or []:
            for kind in ("configMap", "secret", "downwardAPI"):
                if kind in source:
                    about = source[kind] or {}
                    self._write(place, self._files(kind, about), int(about.get("defaultMode") or mode))

    def _files(self, kind: str, about: Json) -> dict[str, tuple[str, int | None]]:
        items = about.get("items") or []
        if kind == "downwardAPI":
            return {one["path"]: (self.known.field(one["fieldRef"]["fieldPath"]), one.get("mode")) for one in items}
        name = str(about.get("name") or about.get("secretName") or "")
        table: Mapping[str, str] = (
            self.known.secret(name) if kind == "secret" else (self.known.config_map(name) or {}).get("data") or {}
        )
        if not table and not about.get("optional"):
            raise ReferenceMissing(f'MountVolume.SetUp failed for volume : {kind.lower()} "{name}" not found')
        if not items:
            return {key: (str(value), None) for key, value in table.items()}
        absent = [one["key"] for one in items if one["key"] not in table]
        if absent and not about.get("optional"):
            raise ReferenceMissing(f"references non-existent {kind.lower()} key: {absent[0]}")
        return {one["path"]: (str(table[one["key"]]), one.get("mode")) for one in items if one["key"] in table}

    @staticmethod
    def _write(place: Path, files: Mapping[str, tuple[str, int | None]], mode: int) -> None:
        for path, (text, own) in files.items():
            target = inside(place, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            target.chmod(int(own) if own is not None else mode)
