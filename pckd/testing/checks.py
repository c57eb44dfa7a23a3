"""`check_term`: checks that every term must pass, on small random outputs, in seconds."""

import pickle
from collections.abc import Callable, Mapping
from typing import Any

from pckd.errors import first_line
from pckd.method import Term, TermConfig
from pckd.settings import validate
from pckd.testing import training_checks, value_checks
from pckd.testing.cases import PAIRS, Case
from pckd.testing.terms import class_of

Check = Callable[[Case], str | None]
"""A check returns the fault that it finds, None if there is none."""

CHECKS: tuple[Check, ...] = (
    value_checks.value_has_its_shape,
    value_checks.inputs_are_left_alone,
    value_checks.gradient_is_right,
    value_checks.needs_are_read,
    value_checks.samples_stand_alone,
    value_checks.order_does_not_matter,
    value_checks.hard_inputs_stay_finite,
    value_checks.single_precision_is_enough,
    training_checks.parameters_get_gradients,
    training_checks.ranks_equal_one_process,
    training_checks.state_is_kept,
    training_checks.weight_counts,
)

ON_EVERY_PAIR = (value_checks.value_has_its_shape, value_checks.gradient_is_right)
"""Checks of what may differ between pairs of networks; one pair is enough for the others."""


class TermError(AssertionError):
    """A sentence that names a fault of a term."""


def check_term(term: str | type[Term[Any]], parameters: Mapping[str, Any] | None = None) -> None:
    """Check a term: its description, values, gradients, needs, state, and several processes.

    Random outputs stand for the networks: a smaller student, twins, larger and smaller maps. Where
    the term does not suit a pair, its `unfit` must say so; it must suit one of them.

    Args:
        term: Its name, or its class.
        parameters: Settings to check it with, where they differ from its defaults.

    Raises:
        TermError: A check fails; one sentence says which.
        InputError: There is no such term, or it has no such settings.
    """
    kind = class_of(term)
    label = getattr(kind, "label", kind.__name__)
    config = validate(kind.Config, dict(parameters or {}), label)
    _refuse(label, _undescribed(kind) or _not_stored(config))
    cases = [Case(kind, config, pair) for pair in PAIRS]
    try:
        fitting = [case for case in cases if case.unfit is None]
    except Exception as error:
        _refuse(label, f"its `needs` or `unfit` fails: {type(error).__name__}: {error}")
    if not fitting:
        _refuse(label, f"it suits none of {len(PAIRS)} pairs of networks")
    for check in CHECKS:
        for case in fitting if check in ON_EVERY_PAIR else fitting[:1]:
            _refuse(label, _outcome(check, case))


def _undescribed(kind: type[Term[Any]]) -> str | None:
    if not getattr(kind, "label", ""):
        return "it has no label, its short name in tables and figures"
    if "=" not in (kind.__doc__ or ""):
        return f"the docstring of {kind.__name__} gives no equation"
    for name, field in kind.Config.model_fields.items():
        if not field.description:
            return f"its setting {name} has no description"
    return None


def _not_stored(config: TermConfig) -> str | None:
    """Return what keeps settings from a results store, or from another process."""
    try:
        stored = type(config).model_validate_json(config.model_dump_json())
        sent = pickle.loads(pickle.dumps(config))
    except Exception as error:
        return f"its settings cannot be stored and sent: {first_line(error)}"
    same = stored == config == sent
    return None if same else "its settings are not the same after they were stored"


def _outcome(check: Check, case: Case) -> str | None:
    """Return what a check finds in a case; an exception is a fault too."""
    try:
        return check(case)
    except Exception as error:
        name = check.__name__.replace("_", " ")
        return f"while checking that {name}: {type(error).__name__}: {error}"


def _refuse(label: str, fault: str | None) -> None:
    if fault is not None:
        raise TermError(f"{label}: {fault}")
