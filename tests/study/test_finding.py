"""Study files by path, by name in ./studies, and by name among those installed with pckd."""

from pathlib import Path

import pytest

from pckd.errors import InputError
from pckd.study.finding import (
    SHIPPED,
    available_studies,
    copy_study,
    describe_study,
    find_study_file,
)
from pckd.study.study_file import read_study

OWN_DEMO = "# My own. With a second sentence.\nstudy: demo\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str) -> Path:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(OWN_DEMO)
    return path


def test_a_path_means_that_file(folder: Path) -> None:
    write("own.yml")
    write("studies/demo.yaml")
    assert find_study_file("own.yml") == Path("own.yml")
    assert find_study_file(f"{folder}/studies/demo.yaml") == folder / "studies/demo.yaml"
    with pytest.raises(InputError, match=r"^other\.yaml: there is no such study file$"):
        find_study_file("other.yaml")


def test_both_endings_of_yaml_are_found_by_name_and_not_side_by_side() -> None:
    own = write("studies/mine.yml")
    assert find_study_file("mine") == own
    write("studies/mine.yaml")
    with pytest.raises(InputError, match=r"mine\.yaml and studies/mine\.yml have one name"):
        find_study_file("mine")
    assert find_study_file("demo").stem == "demo"


def test_a_folder_that_is_named_as_a_study_file_is_none(folder: Path) -> None:
    (folder / "studies/mine.yaml").mkdir(parents=True)
    assert "mine" not in available_studies()
    with pytest.raises(InputError, match="there is no study named mine"):
        find_study_file("mine")


def test_installed_studies_are_found_by_name_in_an_empty_folder() -> None:
    assert {"demo", "search", "table1", "sensitivity"} <= set(available_studies())
    assert read_study(find_study_file("demo"), {}).study == "demo"


def test_the_users_own_file_hides_an_installed_one_of_that_name() -> None:
    own = write("studies/demo.yaml")
    assert find_study_file("demo") == available_studies()["demo"] == own
    assert find_study_file("search") == SHIPPED / "search.yaml"


def test_a_misspelt_name_is_answered_by_the_nearest() -> None:
    write("studies/mine.yaml")
    with pytest.raises(InputError, match=r"named serch; did you mean search\?; known: .*mine"):
        find_study_file("serch")


def test_a_copy_is_the_installed_file_and_is_run_by_its_name() -> None:
    copied = copy_study("table1")
    assert copied.read_bytes() == (SHIPPED / "table1.yaml").read_bytes()
    assert find_study_file("table1") == copied == Path("studies/table1.yaml")


def test_a_copy_overwrites_nothing() -> None:
    own = write("studies/demo.yaml")
    with pytest.raises(InputError, match=r"studies/demo\.yaml: the file exists already"):
        copy_study("demo")
    assert own.read_text() == OWN_DEMO


def test_only_installed_studies_are_copied() -> None:
    write("studies/mine.yaml")
    with pytest.raises(InputError, match="no study named mine"):
        copy_study("mine")


def test_a_study_is_described_by_the_first_sentence_of_its_comment() -> None:
    assert describe_study(write("studies/demo.yaml")) == "My own"
    bare = Path("bare.yaml")
    bare.write_text("study: bare\n")
    assert describe_study(bare) == ""


def test_every_installed_study_says_what_it_is_about() -> None:
    assert all(describe_study(path) for path in SHIPPED.glob("*.yaml"))
