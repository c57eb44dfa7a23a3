"""Names of studies, reserved ones among them, of tables and of statuses."""

from typing import Literal

NAME = r"^[a-z0-9][a-z0-9_-]*$"
"""Pattern of a study's name."""

LONGEST = 200
"""Letters of a study's name, which names its folder, with endings of pckd's behind it."""

TEACHERS = "teachers"
"""The study of the trainings of teachers."""

RUNS = "runs"
"""The study of single runs."""

REPEATS = "repeats"
"""The study of trials that were repeated; the latest of a trial replaces the one before."""

NETWORKS = "networks"
"""The study of probes of networks that were given as files."""

RESERVED = (TEACHERS, "preparations", RUNS, REPEATS, NETWORKS)
"""Names below a results root that no study may take: those of pckd itself."""

TableName = Literal["trials", "epochs", "probes", "plan", "verdicts"]
"""Tables of a study, as `pckd.study.schema` describes them."""

DONE = ("completed", "stopped")
"""The statuses of trials that need not run again."""

CONFIRM = "-confirm"
"""Ending of the name of a study that confirms another."""

SMOKE = "-smoke"
"""Ending of a study's name at smoke scale, and at no other."""


def confirm_name(study: str) -> str:
    """The name of the study that confirms another; what smoke names end with stays last."""
    name, is_smoke = study.removesuffix(SMOKE), study.endswith(SMOKE)
    return f"{name}{CONFIRM}{SMOKE if is_smoke else ''}"
