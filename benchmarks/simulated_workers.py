"""Workers of Ray Tune that are simulated: any number of them, without a process or a node.

Tune's controller starts actors, gives them tasks and waits for events through its actor manager.
This one keeps the actors in the driver's process. The controller, its searcher, scheduler and
callbacks do all that they do on a cluster; what is missing is the cluster's own work.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

from ray.air.execution._internal.tracked_actor import TrackedActor

from benchmarks.instant_trainer import reports
from pckd.storage import Storage
from pckd.study.trial import trial_from_json


class SimulatedWorkers:
    """In place of Tune's RayActorManager; events come in the order in which they were caused."""

    root: ClassVar[str]
    """Root of the results, for the trials."""
    busy: ClassVar[float] = 0.0
    """Seconds that the trials took, which on a cluster pass elsewhere."""

    def __init__(self, resource_manager: object) -> None:
        self._live_actors_to_ray_actors_resources: dict[TrackedActor, tuple[_Worker, None]] = {}
        self._events: deque[tuple[TrackedActor, Callable[[], None]]] = deque()
        self._started = 0

    def next(self, timeout: float | None = None) -> bool:
        """Let the next event happen; False if there is none."""
        if not self._events:
            return False
        _, event = self._events.popleft()
        event()
        return True

    def add_actor(
        self,
        cls: object,
        kwargs: dict[str, Any],
        resource_request: object,
        on_start: Callable[[TrackedActor], None],
        on_stop: Callable[[TrackedActor], None],
        on_error: Callable[[TrackedActor, Exception], None],
    ) -> TrackedActor:
        """A worker that is there at once: Tune asks for no more than the study runs at a time."""
        self._started += 1
        actor = TrackedActor(self._started, on_start, on_stop, on_error)
        worker = _Worker(kwargs["config"], Storage(self.root))
        self._live_actors_to_ray_actors_resources[actor] = worker, None
        self._events.append((actor, lambda: on_start(actor)))
        return actor

    def remove_actor(
        self, tracked_actor: TrackedActor, kill: bool = False, stop_future: object = None
    ) -> bool:
        """End a worker; its `on_stop` is an event."""
        known = self._live_actors_to_ray_actors_resources.pop(tracked_actor, None)
        on_stop = tracked_actor._on_stop
        if known is None or on_stop is None:
            return False
        self._events.append((tracked_actor, lambda: on_stop(tracked_actor)))
        return True

    def schedule_actor_task(
        self,
        tracked_actor: TrackedActor,
        method_name: str,
        args: tuple[Any, ...] = (),
        kwargs: object = None,
        on_result: Callable[[TrackedActor, Any], None] | None = None,
        on_error: object = None,
        _return_future: bool = False,
    ) -> None:
        """Have a worker do something; its result is an event."""
        worker, _ = self._live_actors_to_ray_actors_resources[tracked_actor]

        def work() -> None:
            started = time.perf_counter()
            result = getattr(worker, method_name)(*args)
            SimulatedWorkers.busy += time.perf_counter() - started
            if on_result is not None:
                on_result(tracked_actor, result)

        self._events.append((tracked_actor, work))

    def clear_actor_task_futures(self, tracked_actor: TrackedActor) -> None:
        """Forget what a worker was about to do."""
        self._events = deque(event for event in self._events if event[0] != tracked_actor)

    def is_actor_started(self, tracked_actor: TrackedActor) -> bool:
        """Return whether the worker is there."""
        return tracked_actor in self._live_actors_to_ray_actors_resources

    def is_actor_failed(self, tracked_actor: TrackedActor) -> bool:
        """Never: these workers do not die."""
        return False

    def get_live_actors_resources(self) -> dict[str, float]:
        """A CPU each."""
        return {"CPU": float(self.num_live_actors)}

    @property
    def num_live_actors(self) -> int:
        """Workers that are there."""
        return len(self._live_actors_to_ray_actors_resources)

    num_total_actors = num_live_actors
    num_pending_actors = 0

    @property
    def num_actor_tasks(self) -> int:
        """Events to come."""
        return len(self._events)

    def cleanup(self) -> None:
        """Nothing is left behind."""


class _Worker:
    """Work of Tune's actor, for a trial whose training is instant."""

    get_auto_filled_metrics = SimpleNamespace(remote=lambda **_: {})
    """Result that Tune gives a trial that has not reported yet."""

    def __init__(self, config: dict[str, Any], storage: Storage) -> None:
        self.storage = storage
        self.reset(config)

    def reset(self, config: dict[str, Any]) -> bool:
        """Take the next trial."""
        self.reports: Iterator[dict[str, Any]] = reports(
            trial_from_json(config["trial"]), self.storage
        )
        self.iteration = 0
        return True

    def train(self) -> dict[str, Any]:
        """The next report; after the last, that there is none."""
        self.iteration += 1
        report = next(self.reports, None)
        if report is None:
            return {"done": True, "__duplicate__": True}
        return {**report, "done": False, "training_iteration": self.iteration}

    def stop(self) -> None:
        """Nothing to stop."""
