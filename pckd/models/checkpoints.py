"""Weights from checkpoints of other training codes, wherever those put them."""

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from pckd.errors import InputError
from pckd.models.checkpoint_files import read_checkpoint
from pckd.models.network import Network

STATE_KEYS = ("model", "state_dict", "net", "model_state_dict", "network", "weights")
"""Keys under which training codes keep a state dict; the first one present is the network's.

RepDistiller and mdistiller, SSKD and Lightning, HSAKD, and what tutorials show.
"""

AVERAGE = re.compile(r"ema|swa|averag|momentum|encoder_k", re.IGNORECASE)
"""Part of a place's name that marks a running average of weights, kept beside the last weights, as
self-supervised networks do too."""

COMPILED = "_orig_mod."
"""Part of every entry's name in a module that torch.compile wraps."""

COUNTERS = ("num_batches_tracked", "total_ops", "total_params")
"""Entries that change no output: counters of batch normalisation, and of profilers."""


KEYS_NAMED = 5
"""Keys of a file without weights that its refusal names, at most."""


class FoundWeights(NamedTuple):
    """A network's weights in a checkpoint."""

    state: dict[str, Tensor]
    """Tensors on the CPU by the network's own entry names."""
    place: str
    """Key and prefix of the entries, such as ``state_dict/module.``; '' for a bare state dict."""
    others: list[str]
    """Further places that hold weights for this network."""


class _Candidate(NamedTuple):
    """A group of entries that may be the network's."""

    key: str
    prefix: str
    state: dict[str, Tensor]
    matches: int

    @property
    def place(self) -> str:
        return "/".join(part for part in (self.key, self.prefix) if part)

    @property
    def rank(self) -> tuple[int, bool, bool, int, int]:
        """Order of preference: what fits best, no average, no teacher, usual keys, few wrappers."""
        known = STATE_KEYS.index(self.key) if self.key in STATE_KEYS else len(STATE_KEYS)
        is_average = AVERAGE.search(self.place) is not None
        return -self.matches, is_average, "teacher" in self.place, known, len(self.prefix)


def load_checkpoint(path: Path, names: Collection[str], *, weights: str = "") -> FoundWeights:
    """Read a network's weights from a checkpoint.

    The state dict may be the whole file or stand under a key, and its entries may have any prefix
    (``module.``, ``_orig_mod.``, ``model.``, ``student.``): the entries that bear the network's
    names decide. What stands outside the network (a teacher, a projection head) is dropped.

    Args:
        path: a file of ``torch.save`` or of safetensors; nothing in it is run.
        names: the network's own entry names.
        weights: the key or the place of the weights to take, where there are several.

    Raises:
        InputError: the file cannot be read, is no checkpoint, would run code, holds no state
            dict, or none at the place that was named.
    """
    candidates = [
        candidate
        for key, state in _state_dicts(read_checkpoint(path), path).items()
        for candidate in _candidates(key, state, names)
    ]
    candidates.sort(key=lambda candidate: candidate.rank)
    fitting = [one for one in candidates if one.matches == candidates[0].matches]
    named = [one for one in candidates if weights in ("", one.key, one.prefix, one.place)]
    if not named:
        places = ", ".join(one.place for one in fitting)
        raise InputError(
            f"checkpoint {path} holds no weights under {weights!r}; there are {places}"
        )
    taken = named[0]
    return FoundWeights(
        taken.state, taken.place, [one.place for one in fitting if one is not taken]
    )


def class_count(state: Mapping[str, Tensor], classifier_name: str) -> int:
    """Count the classes of a state dict: the rows of its classifier's weight.

    Args:
        state: tensors by entry name, as ``load_checkpoint`` gives them.
        classifier_name: path of the classifier in the network.

    Returns:
        1 where there is no such matrix, which ``load_weights`` then says.
    """
    outer = classifier_name.removesuffix(".0")
    weight = state.get(f"{classifier_name}.weight", state.get(f"{outer}.weight"))
    return len(weight) if weight is not None and weight.ndim == 2 else 1


def load_weights(network: Network, state: Mapping[str, Tensor], *, source: str) -> None:
    """Fill a network from a state dict that has exactly its entries, or leave it as it was.

    Counters that change no output may be missing or in excess. ``classifier.*`` is taken for
    ``classifier.0.*``: SSKD's MobileNetV2 names it so.

    Args:
        network: what to fill, on any device.
        state: tensors by entry name, as ``load_checkpoint`` gives them.
        source: where the state comes from, for the error message.

    Raises:
        InputError: an entry is missing, unexpected, of another shape or kind, or not finite; the
            first is named.
    """
    own = network.state_dict()
    outer = network.classifier_name.removesuffix(".0")
    names = {f"{outer}.{kind}": f"{network.classifier_name}.{kind}" for kind in ("weight", "bias")}
    given = {names.get(name, name): tensor for name, tensor in state.items()}
    counters = {name: tensor for name, tensor in own.items() if name.endswith(COUNTERS)}
    given = counters | {
        name: tensor for name, tensor in given.items() if name in own or not name.endswith(COUNTERS)
    }
    if problem := _mismatch(own, given):
        raise InputError(f"{source} does not fit the network: {problem}")
    network.load_state_dict(given)


def _state_dicts(content: object, path: Path) -> dict[str, dict[str, Tensor]]:
    """The state dicts of a checkpoint by their key; '' for one that is the whole file."""
    if found := dict(_nested_state_dicts("", content)):
        return found
    refusal = f"checkpoint {path} holds no state dict, bare or under {', '.join(STATE_KEYS[:3])}"
    if isinstance(content, Mapping) and content:
        if not any(isinstance(value, Tensor) for value in content.values()):
            keys = ", ".join(map(repr, islice(content, KEYS_NAMED)))
            raise InputError(f"{refusal}: of its {len(content)} keys the first are {keys}")
        for name, value in content.items():
            if not isinstance(name, str):
                raise InputError(f"{refusal}: its entry {name!r} has no name in text")
            if not isinstance(value, Tensor):
                kind = type(value).__name__
                raise InputError(f"{refusal}: its entry {name!r} is of type {kind}, not a tensor")
    raise InputError(f"{refusal}: it holds a {type(content).__name__}")


def _nested_state_dicts(key: str, content: object) -> Iterator[tuple[str, dict[str, Tensor]]]:
    if not isinstance(content, Mapping):
        return
    if _is_state_dict(content):
        yield key, {name.replace(COMPILED, ""): tensor for name, tensor in content.items()}
        return
    for inner, value in content.items():
        if isinstance(inner, str):
            yield from _nested_state_dicts(f"{key}/{inner}".lstrip("/"), value)


def _is_state_dict(content: Mapping[object, object]) -> bool:
    return len(content) > 0 and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items()
    )


def _candidates(key: str, state: dict[str, Tensor], names: Collection[str]) -> Iterator[_Candidate]:
    """The entries under each prefix that makes names of the network, or all as they are."""
    deciding = {name for name in names if not name.endswith(COUNTERS)}
    for prefix in sorted({"", *_prefixes(state, names)}):
        inside = {
            name.removeprefix(prefix): tensor
            for name, tensor in state.items()
            if name.startswith(prefix)
        }
        yield _Candidate(key, prefix, inside, len(inside.keys() & deciding))


def _prefixes(state: Mapping[str, Tensor], names: Collection[str]) -> set[str]:
    """Find the prefix of the network's first entry."""
    first = next(iter(names))
    ends = (name for name in state if name.endswith(f".{first}"))
    return {name.removesuffix(first) for name in ends}


def _mismatch(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str | None:
    for name, tensor in expected.items():
        shape = list(tensor.shape)
        if name not in state:
            return (
                f"entry {name!r} is missing, expected with shape {shape}{_instead(expected, state)}"
            )
        if state[name].shape != tensor.shape:
            return f"entry {name!r} has shape {list(state[name].shape)}, expected is {shape}"
        if not _is_plain(state[name]):
            return f"entry {name!r} is quantised, sparse or without values, expected are numbers"
        if tensor.is_floating_point() and not state[name].is_floating_point():
            kind = str(state[name].dtype).removeprefix("torch.")
            return f"entry {name!r} is of type {kind}, expected are floating-point numbers"
        if not state[name].double().isfinite().all():  # float8 cannot say
            return f"entry {name!r} holds values that are infinite or not a number"
    unexpected = [name for name in state if name not in expected]
    return f"entry {unexpected[0]!r} is not one of the network's" if unexpected else None


def _instead(expected: Collection[str], state: Collection[str]) -> str:
    """Describe a state dict that has none of the network's entries."""
    held = [name for name in state if not name.endswith(COUNTERS)]
    if not held or not set(expected).isdisjoint(held):
        return ""
    return f"; it holds {len(held)} others, the first is {held[0]!r}"


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and not tensor.is_quantized and not tensor.is_meta
