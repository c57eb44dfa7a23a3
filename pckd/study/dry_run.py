"""Description of a study's plan, without running it."""

from collections.abc import Iterator, Sequence

from pckd.storage import Storage
from pckd.study.checks import check_stages, probe_notices
from pckd.study.confirm import confirmation_of
from pckd.study.cost import cost_of
from pckd.study.document import changes_since
from pckd.study.names import confirm_name
from pckd.study.placement import device_for
from pckd.study.plan import FixedPlan, Plan
from pckd.study.planning import check_plan, plan_to_run
from pckd.study.power_words import power_lines
from pckd.study.preparations import first_preparations, missing_preparations
from pckd.study.searched import searches
from pckd.study.spec import StudySpec
from pckd.study.teachers import missing_teachers
from pckd.study.trial import Trial
from pckd.training.preparations import PreparationTask
from pckd.training.run_data import prepare_data
from pckd.training.run_notices import run_notices
from pckd.words import rough_duration
from pckd.yaml_text import to_yaml


def dry_run(
    spec: StudySpec, storage: Storage, *, retry_failed: bool, fresh: bool = False
) -> Iterator[str]:
    """Describe what a study would do, line by line; nothing is written, no trial starts.

    Of a study whose plan has ended, its confirmation follows.

    Args:
        spec: The study.
        storage: The results root.
        retry_failed: Whether trials that failed run again.
        fresh: Whether it starts over.

    Raises:
        InputError: The study cannot run as it is written.
    """
    check_stages(spec)
    check_plan(spec)
    plan = plan_to_run(spec, storage, retry_failed=retry_failed, fresh=fresh)
    yield from (f"changed since it last ran: {line}" for line in changes_since(spec, storage))
    config = spec.base_run(f"study {spec.study}")
    yield "the run, resolved:"
    text = to_yaml(config.model_dump(mode="json", exclude={"seed"}), flow=True)
    yield from (f"  {line}" for line in text.splitlines())
    yield from run_notices(config, prepare_data(config.data, config.protocol))
    yield from _trials(spec, plan)
    teachers, preparations = _beforehand(spec, plan, storage)
    for teacher in teachers:
        epochs = teacher.config.optimization.epochs
        yield f"teacher to train first: {teacher.case}, epochs: {epochs}"
    first = first_preparations(spec, storage) if preparations else []
    for task in first:
        yield f"preparation to do first: {task}, epochs: {task.epochs}"
    if later := len(preparations) - len(first):
        yield f"preparations of later seeds, as far as they are needed: {later}"
    yield from _stages(spec)
    yield from power_lines(spec, storage)
    yield from _cost(spec, plan, teachers, preparations)
    if confirming := confirmation_of(spec, plan):
        yield f"next, study {confirming.study}:"
        yield from dry_run(confirming, storage, retry_failed=retry_failed)


def _beforehand(
    spec: StudySpec, plan: Plan, storage: Storage
) -> tuple[list[Trial], list[PreparationTask]]:
    """The teachers and preparations that are missing; none where all trials are done."""
    if plan.done == plan.total:
        return [], []
    return missing_teachers(spec, storage), missing_preparations(spec, storage)


def _trials(spec: StudySpec, plan: Plan) -> Iterator[str]:
    yield f"trials: {plan.total}, of which {plan.done} are done"
    yield from plan.notices()
    if isinstance(plan, FixedPlan):
        states = {trial.identity: "done" for trial, _ in plan.ended}
        states |= {trial.identity: "to run" for trial in plan.to_come}
        for trial in plan.trials:
            if state := states.get(trial.identity):  # else no comparison takes its seed
                yield f"  {trial.identity}  {state:6}  {trial}"
    for searched in searches(spec):
        whose = f" in {searched.case}" * bool(searched.case)
        for key, parameter in searched.search.parameters.items():
            yield f"  searched{whose}: {key}: {parameter.words}"


def _stages(spec: StudySpec) -> Iterator[str]:
    if spec.confirm is not None:
        taken = spec.confirm.seeds
        yield (
            f"then confirm against {', '.join(spec.confirm.against)}: {taken.at_least} to "
            f"{taken.at_most} fresh seeds each, as study {confirm_name(spec.study)}"
        )
    if spec.pictures is not None:
        yield "then pictures of the students that the study file names"
    stage = spec.probe_stage()
    if stage is not None:
        targets = ", ".join(dict.fromkeys(target.name for target in stage.data))
        seeds = ", ".join(map(str, stage.seeds))
        yield (
            f"then linear probes of every student and teacher on {targets}: "
            f"protocol {stage.protocol}, seeds {seeds}"
        )
        yield from probe_notices(stage)


def _cost(
    spec: StudySpec,
    plan: Plan,
    teachers: Sequence[Trial],
    preparations: Sequence[PreparationTask],
) -> Iterator[str]:
    if plan.done == plan.total:
        return
    cost = cost_of(spec, plan, teachers, preparations)
    at_most = ", at most" * bool(spec.search or spec.until_clear)
    students = cost.planned.student_bytes * (spec.keep != "none")
    yield f"epochs in all: {cost.planned.epochs}"
    if cost.confirming:
        yield f"trials to confirm: {cost.confirming} at most"
    yield (
        f"about {_between(cost.shortest, cost.seconds_each)} a trial on one worker of this machine "
        f"({device_for(spec.resources.gpus).type}), {rough_duration(cost.trial_seconds)} for all "
        f"of them, one after the other{at_most}"
    )
    first = ["teachers"] * bool(teachers) + ["preparations"] * bool(preparations)
    if first:
        yield f"about {rough_duration(cost.preparing)} for the {' and '.join(first)} beside them"
    yield cost.bill
    yield f"students kept ({spec.keep}): about {students / 2**20:.1f} MiB"
    yield f"tables: about {cost.planned.table_bytes / 2**20:.1f} MiB, less after results compact"


def _between(shortest: float | None, longest: float) -> str:
    """A range of durations, or one of them where both are the same in words."""
    words = [rough_duration(each) for each in (shortest, longest) if each is not None]
    return " to ".join(dict.fromkeys(words))
