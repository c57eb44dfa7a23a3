"""Outline of a run: all of it but its loss, which can be checked without importing a term."""

from functools import cache
from typing import Any

from pydantic import create_model, model_validator

from pckd.settings import Settings, validate
from pckd.training.config import RunConfig, expanded


def check_outline(values: object, source: str) -> None:
    """Refuse a run with errors outside its loss, without importing terms or torch.

    Raises:
        InputError: One sentence that begins with `source`.
    """
    validate(_outline(), values, source)


@cache
def _outline() -> type[Settings]:
    """The class of runs whose loss may be anything."""
    fields: dict[str, Any] = {
        name: (Any if name == "loss" else field.annotation, field)
        for name, field in RunConfig.model_fields.items()
    }
    expand: Any = model_validator(mode="before")(expanded)
    return create_model("Run", __base__=Settings, __validators__={"expand": expand}, **fields)
