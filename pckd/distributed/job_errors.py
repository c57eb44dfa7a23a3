"""Errors of a Ray cluster that is asked about its jobs, as sentences."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import requests
from ray.exceptions import AuthenticationError

from pckd.distributed.starting import TOKEN
from pckd.errors import InputError, RunError


@contextmanager
def job_errors(address: str) -> Iterator[None]:
    """Turn any error of Ray inside this block into one sentence.

    Args:
        address: Of the cluster's dashboard.
    """
    place = f"the Ray cluster at {address}"
    try:
        yield
    except AuthenticationError as error:
        raise RunError(f"{place} turns this client away: {_refusal(str(error))}") from None
    except (OSError, aiohttp.ClientError, requests.RequestException) as error:
        is_silent = isinstance(error, (ConnectionError, requests.ConnectionError))
        reason = "nothing answers there" if is_silent else str(error)
        raise RunError(f"{place} cannot be reached: {reason}; is it up?") from None
    except RuntimeError as error:
        raise _sentence(str(error), place) from None


def _refusal(message: str) -> str:
    if "Missing" in message:
        return f"it wants a token; set RAY_AUTH_MODE=token and put its token into {TOKEN}"
    return f"the token is not the cluster's; put that into {TOKEN}"


def _sentence(message: str, place: str) -> InputError | RunError:
    unknown = re.search(r"Job (\S+) does not exist", message)
    if unknown:
        return InputError(f"{place} has no job {unknown[1]}; pckd cluster status lists its jobs")
    too_large = re.search(
        r"Package size \((.*?)\) exceeds the maximum size of ([\d.]+ ?MiB)", message
    )
    if too_large:
        return InputError(
            f"the working tree is {too_large[1]}, and a cluster takes up to {too_large[2]}: name "
            "what it does not need in .gitignore or .rayignore"
        )
    return RunError(f"{place}: {message.strip().splitlines()[0]}")
