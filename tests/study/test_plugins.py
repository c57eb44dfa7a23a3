"""Plug-ins of a study file: they are imported, travel with trials, and faults are sentences."""

import inspect
import pickle
import shutil
from pathlib import Path

import pytest

from pckd.data import list_data
from pckd.errors import InputError
from pckd.method import find_term, list_terms
from pckd.models import list_models
from pckd.plugins import load_files, loaded_plugins
from pckd.study.planning import check_plan
from pckd.study.study_file import read_study
from pckd.study.trial import make_trial

pytestmark = pytest.mark.usefixtures("no_plugins")

PLUGIN = Path(__file__).parents[1] / "plugin.py"
STUDY = """
study: mine
plugins: [own/my_losses.py]
run:
  data: shades
  teacher: {model: thin, optimization: {epochs: 1}}
  student: thin
  method: cross_entropy
  loss: {gap: 0.5}
  views: {crop_padding: 1, flip: false}
  optimization: {epochs: 1, batch_size: 16}
vary_one:
  loss.gap.power: [1, 2]
"""


@pytest.fixture(name="study")
def _study(tmp_path: Path) -> Path:
    """A study file, with its plug-in beside it in a folder."""
    (tmp_path / "own").mkdir()
    shutil.copy(PLUGIN, tmp_path / "own/my_losses.py")
    (tmp_path / "mine.yaml").write_text(STUDY)
    return tmp_path / "mine.yaml"


def edit(study: Path, before: str, after: str) -> None:
    file = study.parent / "own/my_losses.py"
    file.write_text(file.read_text().replace(before, after))


def test_a_study_finds_what_its_plugins_offer_from_any_folder(
    study: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    check_plan(read_study(study, {"loss.gap.power": 3}))
    assert "gap" in list_terms()
    assert "thin" in list_models()
    assert "shades" in list_data()
    assert "difference.abs()" in inspect.getsource(find_term("gap"))


def test_a_trial_brings_its_plugins_to_another_process(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = make_trial(read_study(study, {}), "", {"loss.gap.power": 1}, 0)
    sent = pickle.dumps(trial)
    shutil.rmtree(study.parent)
    with monkeypatch.context() as patch:
        patch.setattr("pckd.plugins._loaded", {})
        patch.setattr("pckd.method.registry._registered", {})
        arrived = pickle.loads(sent)
        assert arrived.config.model_dump() == trial.config.model_dump()
        assert "difference.abs()" in inspect.getsource(find_term("gap"))


def test_a_plugin_is_imported_once_and_again_when_it_has_changed(study: Path) -> None:
    read_study(study, {})
    first = find_term("gap")
    read_study(study, {})
    assert find_term("gap") is first
    edit(study, 'label = "Gap"', 'label = "Chasm"')
    read_study(study, {})
    assert find_term("gap").label == "Chasm"
    assert [each.file for each in loaded_plugins()] == ["my_losses.py"]


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("import torch\n", "import torsh\n", r"\(line 3\) .*: ModuleNotFoundError: .*'torsh'"),
        ("import torch\n", "import torch torch\n", r"\(line 3\) .*: invalid syntax"),
        ('"gap"', '"kd"', r"\(line 5\d\) .*: the term kd is known already: .*"),
        ('"gap"', '"g.ap"', r"\(line 5\d\) .*: the term 'g.ap': a name has letters, .*"),
        ('"gap"', '"keys"', r"\(line 5\d\) .*: the term 'keys': a name has letters, .*"),
        (", Gap)", ', "Gap")', r"\(line 5\d\) .*: the term gap: 'Gap' is not a subclass of Term"),
        ('"thin"', '"resnet8"', r"\(line 5\d\) .*: network 'resnet8' is known already: .*"),
        ('"shades"', '"digits"', r"\(line 5\d\) .*: data set 'digits' is known already: .*"),
        ("register_term(", "raise SystemExit(", r"\(line 5\d\) .*: SystemExit: .*"),
    ],
)
def test_a_fault_of_a_plugin_is_one_sentence(
    study: Path, before: str, after: str, sentence: str
) -> None:
    edit(study, before, after)
    own = study.parent / "own/my_losses.py"
    with pytest.raises(InputError, match=rf"^plug-in {own} {sentence}$") as caught:
        read_study(study, {})
    assert "\n" not in str(caught.value)
    assert not loaded_plugins()


@pytest.mark.parametrize(
    ("plugins", "sentence"),
    [
        ("[own/losses.py]", r"^plug-in .*own/losses\.py: there is no such file$"),
        ("[mine.yaml]", r"^plug-in .*mine\.yaml: the name of a Python file ends in \.py$"),
        ("own/my_losses.py", r"mine\.yaml: plugins is 'own/my_losses\.py': it is a list.*"),
        ("[3]", r"mine\.yaml: plugins\.0 is 3: it is text.*"),
    ],
)
def test_a_plugin_that_is_not_there_is_one_sentence(
    study: Path, plugins: str, sentence: str
) -> None:
    study.write_text(STUDY.replace("[own/my_losses.py]", plugins))
    with pytest.raises(InputError, match=sentence):
        read_study(study, {})


def test_two_plugins_of_one_name_are_refused(study: Path) -> None:
    other = study.parent / "my_losses.py"
    other.write_text("")
    with pytest.raises(InputError, match=r"have the same name$"):
        load_files([study.parent / "own/my_losses.py", other])


def test_what_a_plugin_computes_is_part_of_the_identity_of_its_users(study: Path) -> None:
    def identities() -> tuple[str, str]:
        own = make_trial(read_study(study, {}), "", {}, 0)
        foreign = {"student": "resnet8", "teacher.model": "resnet8", "loss.gap": 0, "loss.kd": 1}
        return own.identity, make_trial(read_study(study, foreign), "", {}, 0).identity

    first = identities()
    edit(study, '"""Return the mean distance', '"""Compute the mean distance')
    assert identities() == first
    edit(study, ".mean(1)", ".sum(1)")
    own, foreign = identities()
    assert own != first[0]
    assert foreign == first[1]
