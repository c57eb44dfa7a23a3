"""`Loss`: the terms of a run, each with its settings."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    RootModel,
    SerializeAsAny,
    create_model,
    model_validator,
)

from pckd import method
from pckd.method import find_term, list_terms
from pckd.settings import Settings, told_to_pydantic
from pckd.training.changes import refuse_renamed

if TYPE_CHECKING:
    from pckd.method import Needs, PreparedConfig, TermConfig
else:
    TermConfig = Settings  # its base, since the class itself comes with torch


class Loss(RootModel[dict[str, SerializeAsAny[TermConfig]]]):
    """Terms by name; `kd: 0.5` is short for `kd: {weight: 0.5}`, and weight 0 turns a term off."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="wrap")
    @classmethod
    def _settings_of_terms(
        cls,
        values: Any,  # noqa: ANN401
        handler: ModelWrapValidatorHandler["Loss"],
    ) -> "Loss":
        """Validate each term's settings by the term's own class."""
        if not isinstance(values, Mapping):
            return handler(values)
        given = {str(name): _written_out(value) for name, value in values.items()}
        for name in given:
            if name not in list_terms():
                _settings_class(name)  # refused here, before the others import torch
        kinds = tuple((name, _settings_class(name)) for name in given)
        validated = _all_settings(kinds).model_validate(given)
        return handler({name: getattr(validated, name) for name in given})

    @model_validator(mode="after")
    def _some_term(self) -> "Loss":
        if not self.active:
            raise ValueError("every weight is 0: at least one term must be on")
        if not self.trained:
            names = " and ".join(self.active)
            raise ValueError(
                f"the student is only prepared by {names}: at least one other term must be on"
            )
        return self

    @model_validator(mode="after")
    def _one_prepared_student(self) -> "Loss":
        preparing = [name for name in self.prepared if _prepares_student(name)]
        if len(preparing) > 1:
            raise ValueError(
                f"{' and '.join(preparing)} each prepare the whole student, and the last would "
                "undo the others: set the weight of all but one to 0"
            )
        return self

    @classmethod
    def settings_of(cls, name: str) -> type[BaseModel] | None:
        """Return the class of a term's settings; None for an unknown name."""
        return find_term(name).Config if name in list_terms() else None

    def __getitem__(self, name: str) -> TermConfig:
        return self.root[name]

    def __contains__(self, name: object) -> bool:
        return name in self.root

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]
        return iter(self.root)

    def __hash__(self) -> int:
        return hash(json.dumps(self.model_dump(mode="json"), sort_keys=True))

    @property
    def active(self) -> dict[str, TermConfig]:
        """The terms that are on, with their settings."""
        return {name: config for name, config in self.root.items() if config.weight}

    @property
    def trained(self) -> dict[str, TermConfig]:
        """The terms that are added in training: all that are on but those that only prepare."""
        return {
            name: config
            for name, config in self.active.items()
            if not method.only_prepares(find_term(name))
        }

    @property
    def prepared(self) -> "dict[str, PreparedConfig]":
        """The terms that are on and have a preparation."""
        return {
            name: config
            for name, config in self.active.items()
            if isinstance(config, method.PreparedConfig)
        }

    @property
    def needs(self) -> "Needs":
        """Inputs that a training step must bring for all terms that are added."""
        each = (find_term(name).needs(config) for name, config in self.trained.items())
        return reduce(or_, each, method.Needs(teacher=False))

    def that_need(self, asked: "Callable[[Needs], bool]") -> list[str]:
        """The terms that are added in training and whose needs are the ones asked for."""
        return [
            name for name, config in self.trained.items() if asked(find_term(name).needs(config))
        ]


@lru_cache(maxsize=128)
def _all_settings(kinds: tuple[tuple[str, type[TermConfig]], ...]) -> type[Settings]:
    """A class with a field for each term; making one takes longer than using it."""
    fields: dict[str, Any] = {name: (kind, ...) for name, kind in kinds}
    return create_model("Terms", __base__=Settings, **fields)


def _prepares_student(name: str) -> bool:
    kind = find_term(name)
    return issubclass(kind, method.PreparedTerm) and kind.Preparation.student_learns


def _settings_class(name: str) -> type[TermConfig]:
    with told_to_pydantic():
        refuse_renamed(f"loss.{name}")
        return find_term(name).Config


def _written_out(value: Any) -> Any:  # noqa: ANN401
    return value if isinstance(value, (Mapping, TermConfig)) else {"weight": value}
