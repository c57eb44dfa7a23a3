"""Loudness: how much is said beside results and errors, for the whole process.

It is the level of the logger `pckd`: from WARNING on progress is left out, and from DEBUG down
libraries have their say, too.
"""

import logging
import sys
import warnings

_log = logging.getLogger("pckd")

OF_LIBRARIES = r"(?!pckd\b)"
"""Pattern of the modules whose warnings are for those who change pckd, not for those who use it."""


def set_loudness(*, quiet: bool, verbose: bool) -> None:
    """Set what a command says: less than progress, progress, or also what libraries say."""
    _log.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    if not verbose and not sys.warnoptions:
        warnings.filterwarnings("ignore", module=OF_LIBRARIES)


def is_quiet() -> bool:
    """Return whether progress is left out."""
    return _log.level >= logging.WARNING


def is_verbose() -> bool:
    """Return whether libraries have their say, and errors show where they came up."""
    return _log.level == logging.DEBUG
