"""Things found by name, in timm's manner: a decorator fills the table, a near miss is explained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatch
from functools import partial
from typing import Any, Generic, TypeVar

from pckd.errors import InputError

T = TypeVar("T")
Builder = TypeVar("Builder", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry(Generic[T]):
    """One registered thing: its canonical name, other spellings, and how to build it."""

    name: str
    aliases: tuple[str, ...]
    build: Callable[..., T]


class Registry(Generic[T]):
    """Builders of one kind of thing by name; case and the choice of - or _ do not matter.

    Args:
        kind: what the things are called in error messages, such as ``model``.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._entries: dict[str, Entry[T]] = {}
        self._canonical: dict[str, str] = {}

    def register(
        self, name: str, *, aliases: tuple[str, ...] = (), **settings: object
    ) -> Callable[[Builder], Builder]:
        """Enter the decorated class or function under a name; stack it to enter several.

        Args:
            name: canonical name.
            aliases: other spellings that find the same entry.
            settings: keyword arguments that the builder gets for this name.

        Raises:
            ValueError: the name or an alias is taken.
        """

        def enter(builder: Builder) -> Builder:
            self._enter(Entry(name=name, aliases=aliases, build=partial(builder, **settings)))
            return builder

        return enter

    def _enter(self, entry: Entry[T]) -> None:
        spellings = {_folded(spelling) for spelling in (entry.name, *entry.aliases)}
        if taken := spellings & self._canonical.keys():
            raise ValueError(f"{self._kind} {min(taken)!r} is registered twice")
        self._entries[entry.name] = entry
        self._canonical.update(dict.fromkeys(spellings, entry.name))

    def find(self, name: str, *, elsewhere: Sequence[str] = ()) -> Entry[T]:
        """The entry of a name or alias.

        Args:
            name: any spelling.
            elsewhere: names that are found in other places, to be suggested too.

        Raises:
            InputError: the name is not known; near misses are named.
        """
        try:
            return self._entries[self._canonical[_folded(name)]]
        except KeyError:
            raise InputError(not_known(self._kind, name, [*self.names(), *elsewhere])) from None

    def names(self, pattern: str = "*") -> list[str]:
        """Canonical names that match a shell pattern, sorted."""
        return sorted(name for name in self._entries if fnmatch(name, pattern))


def not_known(kind: str, name: str, known: Sequence[str]) -> str:
    """The sentence for a name that is not among the known ones, with near misses if any.

    What stands before the last slash of a name, such as its library, is not compared.
    """
    by_tail = {_tail(candidate): candidate for candidate in known}
    near = get_close_matches(_tail(_folded(name)), by_tail, n=3, cutoff=0.7)
    meant = ", ".join(by_tail[tail] for tail in near)
    advice = f"did you mean {meant}?" if near else f"known are {', '.join(known)}"
    return f"{kind} {name!r} is not known; {advice}"


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")


def _tail(name: str) -> str:
    return name.rpartition("/")[2]
