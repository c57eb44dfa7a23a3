import pytest

from pckd.errors import InputError
from pckd.settings import validate
from pckd.training.config import DataConfig
from pckd.transfer.protocols import PROTOCOLS, find_protocol
from pckd.transfer.stage import ProbeStage


def test_protocols_are_versioned_by_name() -> None:
    assert {name: protocol.label for name, protocol in PROTOCOLS.items()} == {
        "exact": "exact v1",
        "crd": "crd v1",
        "hsakd": "hsakd v1",
    }


def test_a_misspelt_protocol_is_answered_with_a_near_one() -> None:
    with pytest.raises(InputError, match=r"'exat' is not known; did you mean exact\?; allowed"):
        find_protocol("exat")
    with pytest.raises(InputError, match=r"^here: protocol: protocol 'exat' is not known"):
        validate(ProbeStage, {"data": ["digits"], "protocol": "exat"}, "here")


@pytest.mark.parametrize("data", ["digits", ["digits"], {"name": "digits"}, [{"name": "digits"}]])
def test_targets_may_be_written_short(data: object) -> None:
    stage = validate(ProbeStage, {"data": data}, "here")
    assert stage.data == (DataConfig(name="digits"),)
    assert validate(ProbeStage, stage.model_dump(), "there") == stage


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"data": []}, "data"),
        ({"data": 3}, "data"),
        ({"data": ["digit"]}, "did you mean digits"),
        ({"seeds": [0, 0]}, "repeats a seed"),
        ({"seeds": [-1]}, "seeds.0 is -1"),
        ({"seeds": []}, "seeds"),
        ({"protocols": "exact"}, "did you mean protocol"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        validate(ProbeStage, {"data": ["digits"], **change}, "here")
