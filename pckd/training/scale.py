"""Scale of a run: that of its source, or one that only shows that all works."""

from typing import Literal

Scale = Literal["full", "smoke"]
