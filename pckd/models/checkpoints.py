"""Foreign checkpoints, read without ever running what is in them."""

import warnings
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from pckd.errors import InputError
from pckd.models.network import Network

STATE_KEYS = ("model", "state_dict", "net")
"""Where RepDistiller and mdistiller, SSKD, and HSAKD keep the state dict in a checkpoint."""

WRAPPERS = ("module.", "student.", "backbone.")
"""Prefixes of what stands around a network, from the outside in.

Data parallelism; mdistiller's distiller; SSKD's and HSAKD's network with extra heads.
"""


def load_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read a network's state dict from a checkpoint of the peers.

    The state dict may be the whole file or stand under ``model``, ``state_dict`` or ``net``.
    Where entries have one of the prefixes of wrappers, the prefix is stripped and what stands
    outside the wrapped network (a teacher, a projection head) is dropped.

    Only tensors and plain Python values are unpickled, and ``argparse.Namespace``, which
    RepDistiller saves beside the weights.

    Args:
        path: the checkpoint; it may have been saved from any device.

    Returns:
        Tensors on the CPU by the network's own entry names.

    Raises:
        InputError: the file cannot be read, is no checkpoint, would run code, or holds no state
            dict.
    """
    return _unwrapped(_state_dict(_unpickled(path), path))


def class_count(state: Mapping[str, Tensor], classifier_name: str) -> int:
    """How many classes a state dict tells apart: the rows of its classifier's weight.

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

    ``classifier.*`` is taken for ``classifier.0.*``: SSKD's MobileNetV2 names it so.

    Args:
        network: what to fill, on any device.
        state: tensors by entry name, as ``load_checkpoint`` gives them.
        source: where the state comes from, for the error message.

    Raises:
        InputError: an entry is missing, unexpected, of another shape or not finite; the first
            is named.
    """
    outer = network.classifier_name.removesuffix(".0")
    names = {f"{outer}.{kind}": f"{network.classifier_name}.{kind}" for kind in ("weight", "bias")}
    state = {names.get(name, name): tensor for name, tensor in state.items()}
    if problem := _mismatch(network.state_dict(), state):
        raise InputError(f"{source} does not fit the network: {problem}")
    network.load_state_dict(state)


def _unpickled(path: Path) -> object:
    try:
        with safe_globals([Namespace]), warnings.catch_warnings(action="ignore"):
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"checkpoint {path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # damaged or hostile bytes fail in any way
        raise InputError(f"checkpoint {path} {_why_not_loaded(path)}") from error
    return content


def _why_not_loaded(path: Path) -> str:
    """What is wrong with a checkpoint, found out without running what is in it."""
    try:
        with safe_globals([Namespace]):
            foreign = sorted(get_unsafe_globals_in_checkpoint(path))
    except Exception:  # damaged, a bare pickle, or of an old format
        foreign = []
    if not foreign:
        return "is damaged or holds more than tensors and plain values, and is not loaded"
    return (
        f"asks for {', '.join(foreign)} and is not loaded, because that may run code: allowed are "
        "tensors, plain values and argparse.Namespace"
    )


def _state_dict(content: object, path: Path) -> dict[str, Tensor]:
    state = content
    if isinstance(content, Mapping):
        inner = (content[key] for key in STATE_KEYS if isinstance(content.get(key), Mapping))
        state = next(inner, content)
    refusal = f"checkpoint {path} holds no state dict, bare or under {', '.join(STATE_KEYS)}"
    if not isinstance(state, Mapping) or not state:
        raise InputError(refusal)
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            kind = type(value).__name__
            raise InputError(f"{refusal}: its entry {name!r} is of type {kind}, not a tensor")
    return dict(state)


def _unwrapped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """What is innermost: one prefix after the other is stripped, and what lacks it is dropped."""
    for prefix in WRAPPERS:
        inside = {
            name.removeprefix(prefix): tensor
            for name, tensor in state.items()
            if name.startswith(prefix)
        }
        state = inside or state
    return state


def _mismatch(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str | None:
    for name, tensor in expected.items():
        shape = list(tensor.shape)
        if name not in state:
            return f"entry {name!r} is missing, expected with shape {shape}"
        if state[name].shape != tensor.shape:
            return f"entry {name!r} has shape {list(state[name].shape)}, expected is {shape}"
        if not state[name].isfinite().all():
            return f"entry {name!r} holds values that are infinite or not a number"
    unexpected = [name for name in state if name not in expected]
    return f"entry {unexpected[0]!r} is not one of the network's" if unexpected else None
