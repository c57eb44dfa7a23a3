import pytest

from pckd.analysis.terms import key_words, labels_of, term_words

LABELS = {"kd": "KD", "crd": "CRD", "feature_alignment": "FA"}


def test_labels_are_those_of_the_rows() -> None:
    rows = [[{"term": "kd", "label": "KD"}, {"term": "my_loss", "label": "Mine"}], None]
    assert labels_of(rows) == {"kd": "KD", "my_loss": "Mine"}


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("loss.kd", "KD weight"),
        ("loss.crd.temperature", "CRD temperature"),
        ("loss.gone.inner_width", "gone inner width"),
        ("preview.growth_rate", "preview.growth_rate"),
        ("method", "method"),
    ],
)
def test_a_key_of_a_term_is_named_by_its_label(key: str, words: str) -> None:
    assert key_words(key, LABELS) == words


def test_a_term_is_named_once() -> None:
    assert term_words("kd", LABELS) == "KD"
    assert term_words("feature_alignment", LABELS) == "FA, feature alignment"
    assert term_words("gone_loss", LABELS) == "gone_loss"
