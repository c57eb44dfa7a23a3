"""Methods by name: each a set of terms with the weights and the recipe of its source."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pckd.errors import InputError
from pckd.settings import near_misses

NO_PREVIEW = {"strategy": "none", "applies_to": ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """The settings that `method: NAME` stands for; a run's own settings are laid over them."""

    terms: Mapping[str, Mapping[str, Any]]
    """Settings of each term that is on, where they differ from the term's defaults."""
    source: str
    """Where the weights and the recipe come from."""
    preview: Mapping[str, Any] = field(default_factory=lambda: NO_PREVIEW)
    """How samples are weighted."""
    optimization: Mapping[str, Any] = field(default_factory=dict)
    """The recipe, where it differs from CRD's, which most methods share."""
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Names that the source gives to several terms together."""


PRESETS: Mapping[str, Preset] = {
    "pckd": Preset(
        terms={
            "cross_entropy": {},
            "kd": {},
            "center_contrast": {},
            "feature_alignment": {},
            "center_alignment": {},
        },
        preview={"strategy": "preview", "applies_to": ("kd", "center_contrast")},
        groups={"CKD": frozenset({"center_contrast", "feature_alignment", "center_alignment"})},
        source="Ding et al., IEEE TCSVT 2025, arXiv 2410.14143; weights of the first code release",
    ),
    "cross_entropy": Preset(
        terms={"cross_entropy": {}}, source="plain training, as the papers' row Student"
    ),
    "kd": Preset(
        terms={"cross_entropy": {"weight": 0.1}, "kd": {"weight": 0.9}},
        preview={"strategy": "none", "applies_to": ("kd",)},
        source="Hinton et al., arXiv 1503.02531; weights of CRD's table, which later papers repeat",
    ),
}
"""Each method by the name that study files use."""


DEFAULT_METHOD = "pckd"
"""The method of a run that names none."""


def find_preset(name: str) -> Preset:
    """The preset of a method.

    Raises:
        InputError: There is no such method.
    """
    if name not in PRESETS:
        known = sorted(PRESETS)
        raise InputError(
            f"{name!r} is not a known method{near_misses(str(name), known)}; "
            f"allowed: {', '.join(known)}"
        )
    return PRESETS[name]
