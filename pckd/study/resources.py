"""Resources of one trial: workers, CPUs, GPUs, memory of banks."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from pckd.settings import Settings


class Resources(Settings):
    """Resources of one trial; they do not change the numbers."""

    workers: int = Field(1, ge=1, description="processes that train one student together")
    cpus_per_worker: int = Field(1, ge=1, le=1024, description="CPU cores, and threads, of each")
    gpus_per_worker: float | Literal["auto"] = Field(
        0.0,
        description="GPU of each, 0 to 1; a share packs trials, auto measures the share they need",
    )
    bank_memory: float | None = Field(
        None,
        ge=0,
        description="GiB of each machine for teachers' features; by default half of its memory",
    )

    price: float | None = Field(
        None, ge=0, description="of a GPU-hour, or of a core-hour without GPUs, in any currency"
    )

    @field_validator("gpus_per_worker", mode="before")
    @classmethod
    def _share_or_auto(cls, value: object) -> object:
        if value != "auto" and not (isinstance(value, (int, float)) and 0 <= value <= 1):
            raise ValueError(f"{value!r} is neither a share of a GPU from 0 to 1 nor auto")
        return value

    @model_validator(mode="after")
    def _one_worker_is_measured(self) -> "Resources":
        if self.gpus_per_worker == "auto" and self.workers > 1:
            raise ValueError("gpus_per_worker auto is for one worker: several take a GPU each")
        return self

    @property
    def gpus(self) -> float:
        """Number of GPUs of each worker; a share still to be measured counts as a whole GPU."""
        return 1.0 if self.gpus_per_worker == "auto" else self.gpus_per_worker

    @property
    def bank_bytes(self) -> int | None:
        """`bank_memory` in bytes."""
        return None if self.bank_memory is None else int(self.bank_memory * 2**30)
