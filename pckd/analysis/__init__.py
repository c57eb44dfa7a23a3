"""Numbers, figures and a report from the results store; never trains, never starts Ray."""

from typing import TYPE_CHECKING

from pckd.lazy import lazily

if TYPE_CHECKING:
    from pckd.analysis.paper import paper_tables
    from pckd.analysis.report import write_report

__all__ = ["paper_tables", "write_report"]

__getattr__ = lazily(__name__)
