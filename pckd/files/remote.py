"""Folders behind a filesystem URI: opened with a bound on what is waited for, and the host named.

Opening takes 12 seconds at most. Later a request to S3 that fails is tried again, for about a
minute at most; one to Google's storage for 4 seconds, where pyarrow would wait 15 minutes.
"""

import os
import re
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import PurePosixPath
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from pyarrow import fs

    Opened = tuple[fs.FileSystem, str]

SECONDS = 12.0
"""For a host to answer when its URI is opened. Libraries have bounds of their own on connections,
on answers or on neither: a silent gs:// would take two minutes."""

ATTEMPTS = 5
"""Attempts per S3 request: 13 seconds if it is refused, up to 60 if there is no answer. Without
this bound, pyarrow waits 100 seconds for each request."""

FIRST_ATTEMPTS = 2
"""Attempts at the first S3 request, which only asks for the bucket."""

PATIENCE = "retry_limit_seconds=4"
"""Option of a gs:// URI: pyarrow spends up to twice as long before it gives up."""

HOSTS = {
    "s3": "s3.amazonaws.com",
    "gs": "storage.googleapis.com",
    "gcs": "storage.googleapis.com",
    "hf": "huggingface.co",
}
"""Hosts that answer for a scheme, unless the URI or a variable names another."""

VARIABLES = {"s3": "AWS_ENDPOINT_URL", "gs": "CLOUD_STORAGE_EMULATOR_ENDPOINT", "hf": "HF_ENDPOINT"}
"""Environment variables by which the libraries are sent to another host."""

SILENT = re.compile(r"NETWORK_CONNECTION|UNAVAILABLE|DEADLINE_EXCEEDED")
"""Codes of S3 and Google in messages of an OSError that means that there was no answer."""

REASON = re.compile(r"(?:operation: |last message of )(?P<reason>.*?)(?:; Details| error_info=|$)")
"""A reason within a message of S3 or Google."""


def open_uri(uri: str) -> "Opened":
    """Open a filesystem URI and look whether it answers.

    Args:
        uri: Such as s3://bucket/results.

    Returns:
        The filesystem, and the path on it.

    Raises:
        OSError: It cannot be reached in time, there is no such bucket, or a package is missing; the
            message names the host.
        ValueError: It is not a URI that pyarrow can open.
    """
    if uri.startswith("hf://") and find_spec("huggingface_hub") is None:
        raise OSError("hf:// needs huggingface_hub: pip install 'pckd[hf]'")
    opened: Future[Opened] = Future()
    Thread(target=_open, args=(uri, opened), daemon=True).start()
    try:
        return opened.result(SECONDS)
    except ValueError:
        raise
    except TimeoutError:
        message = f"{host_of(uri)} does not answer within {SECONDS:g} seconds"
        raise OSError(message) from None
    except Exception as error:  # each filesystem has classes of its own, and messages of many lines
        line = (str(error).splitlines() or [type(error).__name__])[0]
        if isinstance(error, OSError) and not SILENT.search(line):
            raise OSError(line) from error
        found = REASON.search(line)
        reason = found["reason"] if found else line
        raise OSError(f"{host_of(uri)} does not answer: {reason:.300}") from error


def host_of(uri: str) -> str:
    """Return the host that answers for a URI, with its port where one is given."""
    parts = urlsplit(uri)
    given = parse_qs(parts.query).get("endpoint_override", [""])[0]
    other = os.environ.get(VARIABLES.get(parts.scheme, ""), "")
    return given or urlsplit(other).netloc or HOSTS.get(parts.scheme) or parts.netloc


def _open(uri: str, opened: "Future[Opened]") -> None:
    """Open a URI and hand over the filesystem or the error; it may come too late."""
    try:
        opened.set_result(_answering(uri))
    except BaseException as error:  # it is raised where the answer is awaited
        opened.set_exception(error)


def _answering(uri: str) -> "Opened":
    """Open a URI with pyarrow, and ask the filesystem something."""
    from pyarrow import fs

    scheme = uri.partition("://")[0].lower()
    if scheme == "hf":
        from pckd.files.hub import open_hub

        return open_hub(uri)
    if scheme in ("gs", "gcs") and "retry_limit_seconds" not in uri:
        uri += ("&" if "?" in uri else "?") + PATIENCE
    filesystem, base = fs.FileSystem.from_uri(uri)
    if isinstance(filesystem, fs.S3FileSystem):
        return _patient(filesystem, base), base
    filesystem.get_file_info(base)
    return filesystem, base


def _patient(filesystem: "fs.S3FileSystem", base: str) -> "fs.S3FileSystem":
    """The filesystem with a few retries, once it has answered that the bucket is there."""
    from pyarrow import fs

    if not base:
        raise ValueError("it names no bucket")
    bucket = PurePosixPath(base).parts[0]
    found = _with_attempts(filesystem, FIRST_ATTEMPTS).get_file_info(bucket)
    _, (options,) = filesystem.__reduce__()
    if found.type == fs.FileType.NotFound and not options["allow_bucket_creation"]:
        raise FileNotFoundError(f"there is no bucket {bucket}")
    return _with_attempts(filesystem, ATTEMPTS)


def _with_attempts(filesystem: "fs.S3FileSystem", attempts: int) -> "fs.S3FileSystem":
    """The filesystem with other retries, which writes small files in one request, not three."""
    from pyarrow import fs

    _, (options,) = filesystem.__reduce__()
    patience = fs.AwsStandardS3RetryStrategy(max_attempts=attempts)
    changes = {"retry_strategy": patience, "allow_delayed_open": True}
    return fs.S3FileSystem(**{**options, **changes})
