"""Resources of a trial on a cluster: refused, counted, measured."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import ray

from pckd.distributed import packing
from pckd.distributed.packing import measured_resources
from pckd.distributed.session import check_resources, trials_at_once
from pckd.errors import InputError, RunError
from pckd.study.resources import Resources
from pckd.study.spec import StudySpec

GIB = 2**30
FEW: dict[str, Any] = {"CPU": 2.0, "memory": 1e9}
GROWING = {"grows_to_CPU": 32.0, "grows_to_GPU": 8.0}


@pytest.fixture(name="has")
def _has(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, float]], None]:
    """Makes the cluster have some resources."""
    return lambda there: monkeypatch.setattr(ray, "cluster_resources", lambda: there)


def test_without_a_gpu_the_way_out_is_named(has: Callable[..., None]) -> None:
    has(FEW)
    with pytest.raises(InputError) as refused:
        check_resources(Resources(gpus_per_worker=0.25))
    assert str(refused.value) == (
        "a trial asks for 0.25 GPU (resources.workers 1, resources.gpus_per_worker 0.25), but the "
        "cluster has 0: to use CPUs give --set resources.gpus_per_worker=0 (pckd probe: --gpus 0)"
    )
    with pytest.raises(InputError, match=r"for 1 GPU .*gpus_per_worker auto\)"):
        check_resources(Resources(gpus_per_worker="auto"))


def test_more_cpus_than_there_are_are_refused(has: Callable[..., None]) -> None:
    has(FEW)
    check_resources(Resources(workers=2))
    with pytest.raises(InputError, match=r"for 4 CPU \(.*\), but the cluster has 2: lower one"):
        check_resources(Resources(workers=2, cpus_per_worker=2))


def test_a_cluster_counts_with_the_nodes_that_it_will_add(has: Callable[..., None]) -> None:
    has(GROWING)
    check_resources(Resources(workers=8, gpus_per_worker=1))
    with pytest.raises(InputError, match=r"for 9 GPU .* the cluster has 8: lower one"):
        check_resources(Resources(workers=9, gpus_per_worker=1))
    assert trials_at_once(Resources(gpus_per_worker=0.25)) == 32
    assert trials_at_once(Resources(gpus_per_worker=0.25, cpus_per_worker=2)) == 16


def test_trials_at_once_counts_whole_trials_of_each_gpu(has: Callable[..., None]) -> None:
    has({"CPU": 100.0, "GPU": 8.0})
    assert trials_at_once(Resources(gpus_per_worker=0.3)) == 24
    assert trials_at_once(Resources(gpus_per_worker=0.3333)) == 24
    assert trials_at_once(Resources(workers=4, gpus_per_worker=1)) == 2
    assert trials_at_once(Resources(gpus_per_worker=0)) == 100


@pytest.fixture(name="gpu", scope="module")
def _gpu() -> Iterator[None]:
    """A cluster that believes it has a GPU."""
    ray.init("local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def _stand_in(monkeypatch: pytest.MonkeyPatch, total: int) -> None:
    """Measures 10 GiB for a resnet8, 20 for any other student."""

    def measure(config: Any, threads: int) -> tuple[int, int]:  # noqa: ANN401
        assert len(ray.get_gpu_ids()) == 1
        return (10 if config.student == "resnet8" else 20) * 2**30, total

    monkeypatch.setattr(packing, "_memory_task", ray.remote(measure))


@pytest.mark.usefixtures("gpu")
def test_the_hungriest_run_decides_how_trials_are_packed(
    make_study: Callable[..., StudySpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(monkeypatch, total=80 * GIB)
    said: list[str] = []
    resources = {"gpus_per_worker": "auto"}
    alone = make_study(resources=resources)
    assert measured_resources(alone, said.append).gpus_per_worker == 0.1428
    pairs = [{"teacher": "resnet14", "student": student} for student in ("resnet8", "resnet14")]
    both = make_study(resources=resources, pairs=pairs)
    assert measured_resources(both, said.append).gpus_per_worker == 0.3333
    assert said[1] == (
        "a trial takes 20.0 GiB of a GPU's 80.0 GiB: 3 share it (resources.gpus_per_worker 0.3333)"
    )
    cases = {"small": {}, "large": {"student": "resnet14"}}
    measured = measured_resources(make_study(resources=resources, cases=cases), said.append)
    assert measured.gpus_per_worker == 0.3333
    fixed = make_study(resources={"gpus_per_worker": 0.5})
    assert measured_resources(fixed, said.append) is fixed.resources


@pytest.mark.usefixtures("gpu")
def test_an_error_of_the_measurement_is_a_sentence(
    make_study: Callable[..., StudySpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*_: object) -> None:
        raise RunError("one trial takes more than a whole GPU")

    monkeypatch.setattr(packing, "_memory_task", ray.remote(measure))
    with pytest.raises(RunError) as error:
        measured_resources(make_study(resources={"gpus_per_worker": "auto"}), print)
    assert str(error.value) == "one trial takes more than a whole GPU"
