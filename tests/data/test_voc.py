"""Pascal VOC 2007, as its archives unpack."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pckd.data import is_multi_label, open_data
from pckd.errors import InputError
from pckd.training.config import DataConfig
from pckd.training.run_data import prepare_data

OBJECT = """
  <object>
    <name>{name}</name><pose>Left</pose><truncated>1</truncated><difficult>{difficult}</difficult>
    <bndbox><xmin>2</xmin><ymin>3</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>
    <part><name>head</name><bndbox><xmin>2</xmin><ymin>3</ymin></bndbox></part>
  </object>"""

Objects = Sequence[tuple[str, int]]
IMAGES: Mapping[str, Mapping[str, Objects]] = {
    "trainval": {
        "000005": [("dog", 0), ("cat", 1), ("dog", 1)],
        "000007": [("cat", 0)],
        "000009": [("person", 0), ("cat", 1), ("cat", 1)],
    },
    "test": {"000001": [("person", 0), ("dog", 0)], "000002": [("cat", 0)]},
}


@pytest.fixture
def tree(root: Path) -> Path:
    """Photographs of several sizes, each its own grey, with lists and annotations."""
    folder = root / "VOCdevkit" / "VOC2007"
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for split, images in IMAGES.items():
        (folder / f"ImageSets/Main/{split}.txt").write_text("".join(f"{i}\n" for i in images))
        for number, objects in images.items():
            grey = np.full((40 + int(number), 50, 3), int(number), dtype=np.uint8)
            Image.fromarray(grey).save(folder / f"JPEGImages/{number}.jpg", quality=100)
            listed = "".join(OBJECT.format(name=name, difficult=hard) for name, hard in objects)
            (folder / f"Annotations/{number}.xml").write_text(
                f"<annotation>\n  <folder>VOC2007</folder><filename>{number}.jpg</filename>"
                f"<size><width>50</width></size>{listed}\n</annotation>\n"
            )
    return folder


@pytest.mark.parametrize("level", ["parent of VOCdevkit", "VOCdevkit", "VOC2007"])
def test_labels_say_which_classes_are_there_and_which_are_not_counted(
    tree: Path, level: str
) -> None:
    places = {"parent of VOCdevkit": tree.parent.parent, "VOCdevkit": tree.parent, "VOC2007": tree}
    data = open_data("voc2007", places[level], image_size=8)
    assert data.class_names == ("cat", "dog", "person")
    assert data.train.labels.tolist() == [[-1, 1, 0], [1, 0, 0], [-1, 0, 1]]
    assert data.test.labels.tolist() == [[0, 1, 1], [1, 0, 0]]
    assert data.train.images.shape == (3, 3, 8, 8)
    assert data.train.images[:, 0, 0, 0].tolist() == [5, 7, 9]
    assert is_multi_label("voc2007")


def test_a_second_opening_and_a_changed_annotation(tree: Path) -> None:
    first = open_data("voc2007", tree, image_size=8)
    assert open_data("voc2007", tree, image_size=8).fingerprint == first.fingerprint
    file = tree / "Annotations/000002.xml"
    file.write_text(file.read_text().replace("<name>cat</name>", "<name>person</name>", 1) + "\n")
    with pytest.raises(InputError, match="classes without a test image: cat"):
        open_data("voc2007", tree, image_size=8)


def test_it_is_refused_where_a_network_is_trained(tree: Path) -> None:
    config = DataConfig(name="voc2007", root=str(tree), image_size=8)
    with pytest.raises(InputError, match=r"voc2007 show several classes each: .* no network"):
        prepare_data(config, "paper")


def break_list(tree: Path) -> None:
    (tree / "ImageSets/Main/test.txt").unlink()


def break_annotation(tree: Path) -> None:
    (tree / "Annotations/000007.xml").write_text("<annotation><object>")


def lose_annotation(tree: Path) -> None:
    (tree / "Annotations/000007.xml").unlink()


def lose_image(tree: Path) -> None:
    (tree / "JPEGImages/000009.jpg").unlink()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (break_list, r"lacks ImageSets/Main/test\.txt: unpack VOCtest_06-Nov-2007\.tar there"),
        (break_annotation, r"000007\.xml is no annotation of Pascal VOC"),
        (lose_annotation, r"000007\.xml is no annotation of Pascal VOC: FileNotFoundError"),
        (lose_image, r"training images that are missing, .*000009\.jpg"),
    ],
)
def test_what_is_damaged_is_named(
    tree: Path, damage: Callable[[Path], None], sentence: str
) -> None:
    damage(tree)
    with pytest.raises(InputError, match=sentence):
        open_data("voc2007", tree, image_size=8)


def test_a_folder_without_it_says_what_is_looked_for(root: Path) -> None:
    with pytest.raises(InputError, match=r"the official folder VOCdevkit/VOC2007; .*VOCtrainval"):
        open_data("voc2007", root, image_size=8)
