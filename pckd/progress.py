"""Display of a running study: bars on a terminal, plain lines elsewhere."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from pckd.loudness import is_quiet
from pckd.study.outcome import Outcome
from pckd.study.plan import Plan
from pckd.study.trial import Trial


class Display:
    """Progress of the stages of a study, one after the other."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, quiet=is_quiet())

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.console.print(escape(text), highlight=False, soft_wrap=True)

    @contextmanager
    def bars(self) -> Iterator[Progress]:
        """Show bars for the length of the block; none without a terminal."""
        # Only the note gives way on a narrow terminal: bar and time left stay.
        note = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        columns = (
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=16, table_column=Column(min_width=16)),
            TimeRemainingColumn(compact=True, table_column=Column(min_width=5)),
            TextColumn("{task.fields[note]}", table_column=note),
        )
        disabled = self.console.quiet or not self.console.is_terminal
        with Progress(
            *columns, console=self.console, disable=disabled, transient=True, expand=True
        ) as bars:
            yield bars


@dataclass(slots=True)
class TrialsProgress:
    """The trials of a study: done, running, failed, the best so far, and the time left."""

    display: Display
    bars: Progress
    study: str
    plan: Plan
    counts: Counter[str] = field(default_factory=Counter)
    """Number of trials that ended, in this run and before, by status."""
    before: int = field(init=False)
    """Number of trials that earlier runs ended."""
    best: tuple[float, str] | None = None
    """Accuracy in percent and case."""
    running: dict[str, TaskID] = field(default_factory=dict)
    overall: TaskID = field(init=False)

    def __post_init__(self) -> None:
        for trial, outcome in self.plan.ended:
            self._count(trial, outcome)
        self.before = self.counts.total()
        self.overall = self.bars.add_task(escape(self.study), note="")
        self._show()

    def start(self, trial: Trial) -> None:
        """A trial started, or goes on."""
        task = self.bars.add_task(f"  {escape(_short(trial.case))}", total=_epochs(trial), note="")
        self.running[trial.identity] = task
        self._show()

    def epoch(self, trial: Trial, epoch: int, top1: float) -> None:
        """A trial finished an epoch; `top1` in percent."""
        task = self.running[trial.identity]
        self.bars.update(task, completed=epoch, note=f"epoch {epoch}, {top1:.1f} %")
        self.bars.advance(self.overall, 1 / _epochs(trial))

    def end(self, trial: Trial, outcome: Outcome) -> None:
        """A trial ended."""
        task = self.running.pop(trial.identity)
        trained = sum(bar.completed for bar in self.bars.tasks if bar.id == task)
        self.bars.advance(self.overall, 1 - trained / _epochs(trial))
        self.bars.remove_task(task)
        is_best = self._count(trial, outcome)
        result = f"{outcome.value:.2f} %" if outcome.value is not None else outcome.reason
        text = f"{self.counts.total()}/{self.plan.total} {outcome.status} {trial}: {result}"
        self.display.say(text + ", the best so far" * is_best)
        self._show()

    def summary(self) -> str:
        """The state in one line."""
        parts = [f"{self.counts.total()}/{self.plan.total} trials", f"{len(self.running)} running"]
        parts += [
            f"{self.counts[status]} {status}"
            for status in ("stopped", "failed")
            if self.counts[status]
        ]
        parts += (
            [f"best {self.best[0]:.2f} % ({escape(_short(self.best[1]))})"] if self.best else []
        )
        return ", ".join(parts)

    def _count(self, trial: Trial, outcome: Outcome) -> bool:
        """Count a trial that ended; returns whether it is the best so far."""
        self.counts[outcome.status] += 1
        if outcome.value is None or (self.best is not None and outcome.value <= self.best[0]):
            return False
        self.best = outcome.value, trial.case
        return True

    def _show(self) -> None:
        # A search leaves out seeds of hopeless configurations: the total may fall on the way.
        todo = self.plan.total - self.before
        self.bars.update(self.overall, total=todo, note=self.summary())


def _epochs(trial: Trial) -> int:
    return trial.config.optimization.epochs


def _short(case: str) -> str:
    return case if len(case) <= 30 else case[:29] + "…"
