"""Ways in which files come to be damaged."""

import random
from collections.abc import Callable, Sequence

Mutation = Callable[[bytearray, random.Random], None]

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)
"""Bytes at the ends of ranges."""


def mutated(content: bytes, stream: random.Random) -> bytes:
    """Damage a file in one to six ways."""
    changed = bytearray(content)
    for _ in range(stream.randint(1, 6)):
        if changed:
            stream.choice(MUTATIONS)(changed, stream)
    return bytes(changed)


def _flip(content: bytearray, stream: random.Random) -> None:
    content[stream.randrange(len(content))] ^= 1 << stream.randrange(8)


def _replace(content: bytearray, stream: random.Random) -> None:
    content[stream.randrange(len(content))] = stream.choice(INTERESTING)


def _replace_near_an_end(content: bytearray, stream: random.Random) -> None:
    """Headers and footers decide how the rest is read."""
    place = stream.randrange(min(64, len(content)))
    content[stream.choice((place, -1 - place))] = stream.randrange(256)


def _cut(content: bytearray, stream: random.Random) -> None:
    del content[stream.randrange(len(content)) :]


def _leave_out(content: bytearray, stream: random.Random) -> None:
    start = stream.randrange(len(content))
    del content[start : start + stream.randint(1, 32)]


def _repeat(content: bytearray, stream: random.Random) -> None:
    start = stream.randrange(len(content))
    content[start:start] = content[start : start + stream.randint(1, 64)]


def _zero(content: bytearray, stream: random.Random) -> None:
    """What a power cut leaves of a page."""
    start, length = stream.randrange(len(content)), stream.randint(1, 256)
    content[start : start + length] = bytes(len(content[start : start + length]))


MUTATIONS: Sequence[Mutation] = (
    *(_flip, _replace, _replace, _replace_near_an_end),
    *(_cut, _leave_out, _repeat, _zero),
)
