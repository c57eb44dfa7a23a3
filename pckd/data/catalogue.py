"""The data sets by name."""

from pckd.data.entries import Download, Embedded, Entry, Normalisation, Stored
from pckd.data.forms import class_folders, imagenet, official, parquet, tiny_imagenet, voc
from pckd.data.forms.class_folders import ClassTree
from pckd.data.forms.digits import read_digits
from pckd.data.forms.parquet import Shards
from pckd.data.plugins import Reader, find_plugin, keep_reader, plugin_names
from pckd.errors import InputError
from pckd.near_misses import near_misses

IMAGENET_NORMALISATION = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation that ImageNet's networks were published with."""

IMAGENET_FOLDERS = ("data", imagenet.FOLDER)

STREAMED: dict[str, Stored[ClassTree | Shards]] = {
    "imagenet": Stored(
        forms=(imagenet.SHARDS_FORM, class_folders.TREE_FORM),
        folders=IMAGENET_FOLDERS,
        download=imagenet.ARCHIVES,
        advice=imagenet.ADVICE,
    )
}
"""The data sets that are too large to decode into memory. `imagenet` stands for any large set of
photographs, and is normalised as ImageNet whatever is in it."""

CATALOGUE: dict[str, Entry] = {
    "cifar100": Stored(
        forms=(parquet.FORM, official.CIFAR100_FORM, class_folders.FORM),
        folders=("data", "cifar100", official.CIFAR100_FOLDER),
        normalisation=((0.5071, 0.4866, 0.4409), (0.2675, 0.2565, 0.2761)),
        download=Download(official.CIFAR100_URL, official.download_cifar100),
    ),
    "digits": Embedded("scikit-learn", read_digits),
    "folder": Stored(forms=(class_folders.FORM,), folders=("data",)),
    "imagenet": Stored(
        forms=(imagenet.FORM, class_folders.FORM),
        folders=IMAGENET_FOLDERS,
        normalisation=IMAGENET_NORMALISATION,
        download=imagenet.ARCHIVES,
        advice=imagenet.ADVICE,
    ),
    "parquet": Stored(forms=(parquet.FORM,), folders=("data",)),
    "stl10": Stored(
        forms=(parquet.FORM, official.STL10_FORM, class_folders.FORM),
        folders=("data", "stl10", official.STL10_FOLDER),
        normalisation=((0.4467, 0.4398, 0.4066), (0.2603, 0.2566, 0.2712)),
        download=Download(official.STL10_URL, official.download_stl10),
    ),
    "tiny-imagenet": Stored(
        forms=(parquet.FORM, tiny_imagenet.FORM, class_folders.FORM),
        folders=("data", "tiny-imagenet", tiny_imagenet.FOLDER),
        normalisation=((0.4802, 0.4481, 0.3975), (0.2770, 0.2691, 0.2821)),
        download=Download(tiny_imagenet.URL, tiny_imagenet.download),
    ),
    "voc2007": Stored(
        forms=(voc.FORM,),
        folders=("VOC2007", "VOCdevkit/VOC2007", "data/VOCdevkit/VOC2007"),
        download=Download(voc.URL, voc.download),
    ),
}
"""Normalisation: CIFAR-100 from the method's first release; STL-10 and TinyImageNet as published
with re-implementations of the transfer protocol; ImageNet from its networks; the others are
computed."""


MULTI_LABEL = ("voc2007",)
"""The data sets whose images show several classes each: a probe's targets, and nothing else."""


def list_data() -> list[str]:
    """Return the names of the data sets, those of plug-ins among them, sorted."""
    return sorted({*CATALOGUE, *plugin_names()})


def check_known_data(name: str) -> None:
    """Refuse a name that no data set has; no plug-in is imported.

    Raises:
        InputError: There is none of that name; near ones are suggested.
    """
    known = list_data()
    if name not in known:
        near = near_misses(name.lower(), known)
        raise InputError(f"data set {name!r} is not known{near}; allowed: {', '.join(known)}")


def register_data(name: str, reader: Reader) -> None:
    """Register a data set under a name, for this process; a study's plug-in calls this on import.

    Args:
        name: How studies call it; letters, digits, `_`, `.` and `-`.
        reader: Gives the data set, the same one whenever it is called.

    Raises:
        InputError: The name is not of these characters, or belongs to another data set.
    """
    if name in CATALOGUE:
        raise InputError(f"data set {name!r} is known already: choose another name")
    keep_reader(name, reader)


def is_streamed(name: str) -> bool:
    """Return whether a data set is streamed from its files during training."""
    return name in STREAMED


def is_multi_label(name: str) -> bool:
    """Return whether each image of a data set can show several classes."""
    return name in MULTI_LABEL


def published_normalisation(name: str) -> Normalisation:
    """Return the published mean and standard deviation by channel of a data set.

    Raises:
        InputError: There is no data set of that name, or none is published for it.
    """
    normalisation = find_entry(name).normalisation
    if normalisation is None:
        known = ", ".join(name for name, entry in CATALOGUE.items() if entry.normalisation)
        raise InputError(
            f"no normalisation is published for data set '{name}', which a network of other code "
            f"needs; there is one for {known}"
        )
    return normalisation


def find_entry(name: str) -> Entry:
    """Return what is known of a data set.

    Raises:
        InputError: There is none of that name, or a plug-in cannot be imported.
    """
    check_known_data(name)
    entry = CATALOGUE.get(name) or find_plugin(name)
    assert entry is not None
    return entry
