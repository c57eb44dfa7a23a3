"""Names of classes that people, and some disks, do not tell apart."""

from collections.abc import Sequence

from pckd.data.words import listed
from pckd.words import as_shown


def alike(class_names: Sequence[str]) -> tuple[str, ...]:
    """A sentence on classes whose names differ in nothing but case or what nobody sees.

    They stay two classes: small and capital letters may be what is told apart.
    """
    first_of: dict[str, str] = {}
    twins = [
        f"{first!a} and {name!a}"
        for name in class_names
        if (first := first_of.setdefault(as_shown(name).strip().casefold(), name)) != name
    ]
    if not twins:
        return ()
    return (
        "classes whose names differ only in small and capital letters or in signs that nobody "
        f"sees are two classes: {listed(twins)}",
    )
