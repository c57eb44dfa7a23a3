"""Folders behind a filesystem URI: opened with a bound on what is waited for, and the host named.

A request to S3 that fails is tried again, for about a minute at most; one to Google's storage for
4 seconds, where pyarrow would wait 15 minutes.
"""

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyarrow import fs

ATTEMPTS = 5
"""Tries of a request to S3: 13 seconds where nobody listens, up to 60 where nobody answers. Without
this bound, pyarrow waits 100 seconds for each request."""

PATIENCE = "retry_limit_seconds=4"
"""Option of a gs:// URI: pyarrow spends up to twice as long before it gives up."""

HOSTS = {"gs": "storage.googleapis.com", "gcs": "storage.googleapis.com", "hf": "huggingface.co"}
"""Who answers, where the URI itself does not say it."""


def open_uri(uri: str) -> "tuple[fs.FileSystem, str]":
    """Open a filesystem URI and look whether it answers.

    Args:
        uri: Such as s3://bucket/results.

    Returns:
        The filesystem, and the path on it.

    Raises:
        OSError: It cannot be reached, or there is no such bucket; the message names the host.
        ValueError: It is not a URI that pyarrow can open.
    """
    from pyarrow import fs

    scheme = uri.partition("://")[0].lower()
    if scheme in ("gs", "gcs") and "retry_limit_seconds" not in uri:
        uri += ("&" if "?" in uri else "?") + PATIENCE
    try:
        filesystem, base = fs.FileSystem.from_uri(uri)
        if scheme in HOSTS:
            filesystem.get_file_info(base)
        elif isinstance(filesystem, fs.S3FileSystem):
            filesystem = _patient(filesystem, base)
    except ValueError:
        raise
    except Exception as error:  # each filesystem has classes of its own, and messages of many lines
        line = (str(error).splitlines() or [type(error).__name__])[0]
        known = isinstance(error, OSError) and scheme not in HOSTS
        who = HOSTS.get(scheme) or uri.partition("://")[2].partition("/")[0]
        raise OSError(line if known else f"{who} does not answer: {line:.300}") from error
    return filesystem, base


def _patient(filesystem: "fs.S3FileSystem", base: str) -> "fs.S3FileSystem":
    """The filesystem with a few retries, and with small files written in one request, not three."""
    from pyarrow import fs

    _, (options,) = filesystem.__reduce__()
    patience = fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS)
    changes = {"retry_strategy": patience, "allow_delayed_open": True}
    filesystem = fs.S3FileSystem(**{**options, **changes})
    if not base:
        raise ValueError("it names no bucket")
    bucket = PurePosixPath(base).parts[0]
    missing = filesystem.get_file_info(bucket).type == fs.FileType.NotFound
    if missing and not options["allow_bucket_creation"]:
        raise FileNotFoundError(f"there is no bucket {bucket}")
    return filesystem
