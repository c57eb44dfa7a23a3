"""The file study.json beside the results: the study as it was validated, and what goes with it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pckd.errors import InputError
from pckd.method.presets import PRESETS
from pckd.nested import leaves
from pckd.storage import Storage
from pckd.study.results import ResultsStore
from pckd.study.upgrades import EARLIER_GROUPS, upgraded_spec

if TYPE_CHECKING:
    from pckd.study.spec import StudySpec

DOCUMENT = "study.json"
"""Name of the file below the study's folder."""


def write_spec(
    spec: "StudySpec",
    storage: Storage,
    power: Sequence[str] = (),
    carried: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> None:
    """Keep the study file, as it was validated, beside the results.

    Args:
        spec: The study.
        storage: The results root.
        power: Lines on its power.
        carried: Points of other studies that its search tries first, by the case searched.
    """
    groups = {
        name: sorted(terms) for preset in PRESETS.values() for name, terms in preset.groups.items()
    }
    content = {
        "version": 1,
        "spec": spec.model_dump(mode="json"),
        "groups": groups,
        "power": list(power),
        "carried": {case: list(points) for case, points in (carried or {}).items()},
    }
    ResultsStore(storage, spec.study).write_document(DOCUMENT, content)


def changes_since(spec: "StudySpec", storage: Storage) -> list[str]:
    """List the differences between the study file and its copy from the last run.

    Raises:
        InputError: The copy of the study file beside the results is damaged.
    """
    document = ResultsStore(storage, spec.study).read_document(DOCUMENT)
    if document is None:
        return []
    if not isinstance(document, Mapping) or not isinstance(document.get("spec"), Mapping):
        path = f"{spec.study}/{DOCUMENT}"
        raise InputError(f"{path} holds no study and is left alone: move it away to go on")
    before = dict(leaves(document["spec"]))
    now = dict(leaves(spec.model_dump(mode="json")))
    return [
        f"{key}: {before.get(key, 'not set')} -> {now.get(key, 'not set')}"
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key)
    ]


def read_spec(store: ResultsStore) -> dict[str, Any]:
    """The study file that was kept beside the results; empty where none was.

    Raises:
        InputError: It is damaged.
    """
    spec = _kept(store, "spec")
    return upgraded_spec(spec) if isinstance(spec, Mapping) else {}


def read_groups(store: ResultsStore) -> Mapping[str, Sequence[str]]:
    """The names that methods give to several terms together, as they were kept with the study.

    Raises:
        InputError: As `read_spec`.
    """
    groups = _kept(store, "groups")
    return groups if isinstance(groups, Mapping) else EARLIER_GROUPS


def read_power(store: ResultsStore) -> Sequence[str]:
    """Sentences about the differences that the study's seeds can show; none of earlier versions.

    Raises:
        InputError: As `read_spec`.
    """
    lines = _kept(store, "power")
    return lines if isinstance(lines, list) else []


def read_carried(store: ResultsStore) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Points of other studies that its search tries first, by case; none of earlier versions.

    Raises:
        InputError: As `read_spec`.
    """
    points = _kept(store, "carried")
    return points if isinstance(points, Mapping) else {}


def _kept(store: ResultsStore, key: str) -> Any:  # noqa: ANN401
    document = store.read_document(DOCUMENT)
    return document.get(key) if isinstance(document, Mapping) else None
