from benchmarks.pairs import Measurement, Ratio, interleave, ratio


def test_contenders_take_turns_after_one_round_that_does_not_count() -> None:
    calls: list[str] = []

    def contender(name: str) -> Measurement:
        def measure() -> float:
            calls.append(name)
            return float(len(calls))

        return measure

    seconds = interleave({"a": contender("a"), "b": contender("b")}, rounds=2)
    assert calls == ["a", "b"] * 3
    assert seconds == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_a_ratio_is_the_median_over_pairs_that_ran_together() -> None:
    found = ratio("step", slow=[6.0, 2.0, 9.0], fast=[2.0, 1.0, 1.0])
    assert found == Ratio("step", (3.0, 2.0, 9.0))
    assert found.as_json() == {"name": "step", "ratio": 3.0, "min": 2.0, "max": 9.0, "pairs": 3}
