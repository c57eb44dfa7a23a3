"""Methods by name: each a set of terms with the weights and the recipe of its source."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pckd.errors import InputError
from pckd.near_misses import near_misses

NO_PREVIEW = {"strategy": "none", "applies_to": ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """The settings that `method: NAME` stands for; a run's own settings are laid over them."""

    terms: Mapping[str, Mapping[str, Any]]
    """Settings of each term that is on, where they differ from the term's defaults."""
    source: str
    """The paper or code that the weights and the recipe are taken from."""
    preview: Mapping[str, Any] = field(default_factory=lambda: NO_PREVIEW)
    """The weighting of samples."""
    optimization: Mapping[str, Any] = field(default_factory=dict)
    """The recipe, where it differs from CRD's, which most methods share."""
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Names that the source gives to several terms together."""


CRD_TABLE = "weights and recipe of CRD's table"


def _one_term(
    term: str,
    source: str,
    *,
    cross_entropy: float = 1.0,
    settings: Mapping[str, Any] | None = None,
    optimization: Mapping[str, Any] | None = None,
) -> Preset:
    """A method of one term, with that term's defaults, beside the cross entropy."""
    return Preset(
        terms={"cross_entropy": {"weight": cross_entropy}, term: settings or {}},
        preview={"strategy": "none", "applies_to": (term,)},
        optimization=optimization or {},
        source=source,
    )


def _mld(epochs: int, why: str) -> Preset:
    """Multi-level logit distillation; the rate drops after epochs 150, 180 and 210."""
    return Preset(
        terms={"cross_entropy": {"weight": 0.1, "strong_view": True}, "mld": {}},
        optimization={
            "epochs": epochs,
            "learning_rate": 0.025,
            "decay_at": tuple(epoch / epochs for epoch in (150, 180, 210)),
        },
        source=f"Jin et al., CVPR 2023; the authors' code of March 2023, {why}, and two views of "
        "each image",
    )


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
    "kd_standardised": _one_term(
        "kd",
        "Sun et al., CVPR 2024, arXiv 2403.01427; weights of most pairs in the authors' code",
        cross_entropy=0.1,
        settings={"weight": 9.0, "temperature": 2.0, "standardise": True},
    ),
    "fitnet": _one_term("fitnet", f"Romero et al., ICLR 2015, arXiv 1412.6550; {CRD_TABLE}"),
    "at": _one_term("at", f"Zagoruyko and Komodakis, ICLR 2017, arXiv 1612.03928; {CRD_TABLE}"),
    "vid": _one_term("vid", f"Ahn et al., CVPR 2019, arXiv 1904.05835; {CRD_TABLE}"),
    "nst": _one_term("nst", f"Huang and Wang, 2017, arXiv 1707.01219; {CRD_TABLE}"),
    "sp": _one_term("sp", f"Tung and Mori, ICCV 2019, arXiv 1907.09682; {CRD_TABLE}"),
    "cc": Preset(
        terms={"cross_entropy": {}, "cc": {}},
        source=f"Peng et al., ICCV 2019, arXiv 1904.01802; {CRD_TABLE}",
    ),
    "rkd": _one_term("rkd", f"Park et al., CVPR 2019, arXiv 1904.05068; {CRD_TABLE}"),
    "pkt": _one_term("pkt", f"Passalis and Tefas, ECCV 2018; {CRD_TABLE}"),
    "ab": Preset(
        terms={"cross_entropy": {}, "ab": {}},
        source=f"Heo et al., AAAI 2019, arXiv 1811.03233; {CRD_TABLE}: the student is prepared, "
        "then trained plainly",
    ),
    "fsp": Preset(
        terms={"cross_entropy": {}, "fsp": {}},
        source=f"Yim et al., CVPR 2017; {CRD_TABLE}: the student is prepared, then trained plainly",
    ),
    "ft": _one_term("ft", f"Kim et al., NeurIPS 2018, arXiv 1802.04977; {CRD_TABLE}"),
    "sskd": Preset(
        terms={"cross_entropy": {"weight": 0.1}, "kd": {"weight": 0.9}, "sskd": {}},
        source="Xu et al., ECCV 2020, arXiv 2006.07114; weights of the authors' code, with CRD's "
        "recipe as theirs; the four copies of an image share its crop here",
    ),
    "crd": _one_term("crd", f"Tian et al., ICLR 2020, arXiv 1910.10699; {CRD_TABLE}"),
    "ickd": _one_term(
        "ickd",
        "Liu et al., ICCV 2021; weights of the authors' code, without KD as their first table row",
    ),
    "reviewkd": _one_term(
        "reviewkd",
        "Chen et al., CVPR 2021, arXiv 2104.09044; weights of the authors' code for most pairs "
        "(loss.reviewkd.weight is 5; 0.6 for ResNet56 and ResNet20, 1 for ResNet110 and ResNet32, "
        "8 for ResNet32x4 and ShuffleNetV2), recipe of mdistiller",
    ),
    "dkd": _one_term(
        "dkd",
        "Zhao et al., CVPR 2022, arXiv 2203.08679; the authors' code; loss.dkd.beta is 8, as for "
        "ResNet32x4 and for ShuffleNets; 6 for VGG13 and for WRN students, 2 for pairs of plain "
        "ResNets",
    ),
    "dist": _one_term(
        "dist",
        "Huang et al., NeurIPS 2022, arXiv 2205.10536; the authors' code for CIFAR-100, with the "
        "last batch of an epoch, which they drop",
    ),
    "nkd": _one_term(
        "nkd",
        "Yang et al., ICCV 2023, arXiv 2303.13005; gamma and temperature of the authors' code for "
        "CIFAR-100, with CRD's recipe",
    ),
    "mld": _mld(480, "in which most pairs have 480 epochs: twice as many as other methods"),
    "mld_960": _mld(960, "in which ResNet32x4 with a ShuffleNet has 960 epochs"),
}
"""Each method by the name that study files use."""


DEFAULT_METHOD = "pckd"
"""The method of a run that names none."""


def find_preset(name: object) -> Preset:
    """The preset of a method.

    Raises:
        InputError: There is no such method.
    """
    if not isinstance(name, str) or name not in PRESETS:
        known = sorted(PRESETS)
        raise InputError(
            f"{name!r} is not a known method{near_misses(str(name), known)}; "
            f"allowed: {', '.join(known)}"
        )
    return PRESETS[name]
