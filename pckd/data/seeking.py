"""Search of a folder, and of some below it, for the forms in which a data set may lie there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic

from pckd.data.forms.base import Form, Found
from pckd.data.place import Place
from pckd.data.words import listed
from pckd.errors import InputError


@dataclass(frozen=True, slots=True)
class _There(Generic[Found]):
    """A form that lies somewhere.

    Attributes:
        form: The form.
        place: The folder that holds it.
        found: What was found; None if it cannot be used.
        problem: Why it cannot.
    """

    form: Form[Found]
    place: Place
    found: Found | None = None
    problem: InputError | None = None

    def __str__(self) -> str:
        state = " (incomplete or damaged)" if self.problem else ""
        return f"{self.form.looked_for} in {self.place}{state}"


def seek(place: Place, folders: Sequence[str], forms: Sequence[Form[Found]]) -> Found | None:
    """Find the first form that can be used; its notices name the others that lie there.

    Args:
        place: Where to look first.
        folders: Names of folders below it, where to look then.
        forms: In the order in which they are preferred.

    Raises:
        InputError: A folder cannot be looked into, or holds one form incomplete, where neither it
            nor a folder before it holds one that can be used.
    """
    there: list[_There[Found]] = []
    first: _There[Found] | None = None
    for folder in ("", *folders):
        there += _forms_in(place.below(folder), forms)
        first = next((each for each in there if each.found is not None), None)
        if first is None and there:
            assert there[0].problem is not None
            raise there[0].problem
    if first is None or first.found is None:
        return None
    others = [each for each in there if each is not first]
    if not others:
        return first.found
    notice = f"the images are read from {first}, and not from {listed(others)}"
    return replace(first.found, notices=(*first.found.notices, notice))


def _forms_in(place: Place, forms: Sequence[Form[Found]]) -> Iterator[_There[Found]]:
    """List the forms in one folder, less those that a form before them is another view of."""
    covered: tuple[Form[Found], ...] = ()
    for form in forms:
        if form in covered:
            continue
        try:
            found = form.find(place)
        except InputError as error:
            yield _There(form, place, problem=error)
        except OSError as error:
            problem = InputError(f"cannot look into {place}: {error}")
            problem.__cause__ = error
            yield _There(form, place, problem=problem)
        else:
            if found is not None:
                covered += form.covers
                yield _There(form, place, found)
