"""Checks of a study's later stages before any work starts."""

from collections.abc import Iterator

from pckd.data import data_notices
from pckd.study.pictures.stage import check_pictures
from pckd.study.probing import check_targets
from pckd.study.spec import StudySpec
from pckd.training.run_data import prepare_data
from pckd.transfer.stage import ProbeStage


def check_stages(spec: StudySpec) -> None:
    """Open the data that the stages after training need.

    Raises:
        InputError: A target of the probes is not there or does not suit; or the pictures name a
            case, a seed or a class that is not there.
    """
    stage = spec.probe_stage()
    if stage is not None:
        run = spec.base_run(f"study {spec.study}, run")
        check_targets(stage, prepare_data(run.data, run.protocol).image_size)
    check_pictures(spec)


def probe_notices(stage: ProbeStage | None) -> Iterator[str]:
    """Sentences on the images of the probes, such as splits not used, once they were checked."""
    for target in stage.data if stage else ():
        for notice in data_notices(target.name, target.root):
            yield f"probe on {target.name}: {notice}"
