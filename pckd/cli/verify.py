"""`pckd verify`: stored trials, trained again."""

from typing import Annotated

import typer

from pckd.cli.options import Results, Study
from pckd.errors import RunError
from pckd.words import plural


def verify(
    study: Study,
    trials: Annotated[int, typer.Option(min=1, help="Trials to draw.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
    results: Results = "results",
) -> None:
    """Train some stored trials again, and compare every number.

    The verdicts of the study are decided again from the stored trials, too.
    """
    from pckd.storage import Storage
    from pckd.study.verifying import verify_study
    from pckd.study.verifying_verdicts import check_verdicts

    storage = Storage(results)
    checks = verify_study(study, storage, trials, seed, print)
    verdicts, sentences = check_verdicts(study, storage)
    for sentence in sentences:
        print(sentence)
    wrong = [check for check in checks if check.is_unexplained]
    if wrong:
        raise RunError(f"{len(wrong)} of {len(checks)} trials are not what is stored")
    if sentences:
        raise RunError(f"{len(sentences)} of {plural(verdicts, 'verdict')} do not follow")
    equal = sum(not check.differences for check in checks)  # the others are explained
    print(f"{study}: {equal} of {len(checks)} trials are bit-equal")
    if verdicts:
        print(f"{study}: {plural(verdicts, 'verdict')} decided again, the same")
