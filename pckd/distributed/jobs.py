"""Studies as jobs of a Ray cluster: submitted, followed and stopped from outside it, over HTTP."""

import asyncio
import logging
import os
import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ray.job_submission import JobDetails, JobSubmissionClient, JobType

from pckd.addresses import holds_secret
from pckd.distributed.job_errors import job_errors
from pckd.distributed.session import QUIET
from pckd.errors import InputError, RunError

EXCLUDED = [".git", ".venv", ".env", "__pycache__", ".*_cache", "*.egg-info"]
EXCLUDED += ["/build", "/data", "/datasets", "/dist", "/reports", "/results"]
"""Files of the working tree that are not sent, in the syntax of .gitignore; the tree's own
.gitignore counts too.
"""

DASHBOARD = "RAY_API_SERVER_ADDRESS"
"""Variable in which Ray looks for the address of a cluster's dashboard."""

STOPPING = {"RAY_JOB_STOP_SIGNAL": "SIGINT", "RAY_JOB_STOP_WAIT_TIME_S": "60"}
"""Seconds between the stop of a job, as by Ctrl-C, and its kill."""

COMMAND = ("python", "-m", "pckd.cli")

TALKATIVE = ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk")
"""Ray's loggers that report uploads and sockets."""

ENDED = ("SUCCEEDED", "FAILED", "STOPPED")


class Job(NamedTuple):
    """A job as the cluster describes it."""

    job: str
    status: str
    """PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED."""
    started: datetime | None
    minutes: float
    """Duration from start to end, or until now."""
    command: str
    """Command of the job: the arguments of pckd, or another program."""
    message: str
    """Message from Ray on the job's status."""


class Jobs:
    """The jobs of one cluster.

    A cluster with token authentication wants RAY_AUTH_MODE=token in this process's environment and
    its token where Ray looks for it: in RAY_AUTH_TOKEN, in the file that RAY_AUTH_TOKEN_PATH names,
    or in ~/.ray/auth_token.

    Args:
        address: Of the cluster's dashboard, http://HOST:PORT.

    Raises:
        InputError: That is no such address.
        RunError: No cluster answers there, or it turns this client away.
    """

    def __init__(self, address: str) -> None:
        if not re.match(r"https?://[^/]", address):
            raise InputError(
                f"{address} is not the address of a Ray dashboard: give --address http://HOST:8265"
            )
        self.address = address
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.ERROR)
        with job_errors(self.address), _dashboard_at(address):
            self.client = JobSubmissionClient(address)

    def submit(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
        """Start `pckd` on the cluster, in a copy of a folder.

        What is given here is shown in the cluster's dashboard, so it may hold no secret.

        Args:
            arguments: Of pckd.
            folder: The working tree; what `EXCLUDED` says and .gitignore files say stays here.
            environment: Variables for all processes of the job.

        Returns:
            The job's id.

        Raises:
            InputError: An argument or a variable holds a secret, or the tree is too large.
            RunError: The cluster does not take the job.
        """
        check_no_secret([*arguments, *environment.values()])
        runtime = {
            "working_dir": str(folder),
            "excludes": EXCLUDED,
            "env_vars": {**QUIET, **STOPPING, **environment},
        }
        command = shlex.join([*COMMAND, *arguments])
        with job_errors(self.address):
            return str(self.client.submit_job(entrypoint=command, runtime_env=runtime))

    def all(self) -> list[Job]:
        """List the jobs that were submitted to the cluster, the latest first.

        Raises:
            RunError: The cluster does not answer.
        """
        with job_errors(self.address):
            found = [job for job in self.client.list_jobs() if job.type == JobType.SUBMISSION]
        return [_described(job) for job in sorted(found, key=lambda job: -(job.start_time or 0))]

    def find(self, identity: str) -> Job:
        """One job.

        Raises:
            InputError: There is none of this id.
            RunError: The cluster does not answer.
        """
        with job_errors(self.address):
            return _described(self.client.get_job_info(identity))

    def follow(self, identity: str, show: Callable[[str], None]) -> Job:
        """Show a job's log from its beginning, and what is added to it until the job ends.

        Args:
            identity: Of the job.
            show: Is given the log, piece by piece.

        Returns:
            The job, ended.

        Raises:
            InputError: There is none of this id.
            RunError: The connection was lost; the job goes on.
        """
        self.find(identity)

        async def pass_on() -> None:
            async for text in self.client.tail_job_logs(identity):
                show(text)

        with job_errors(self.address):
            asyncio.run(pass_on())
        return self._ended(identity)

    def log(self, identity: str) -> str:
        """A job's log so far.

        Raises:
            InputError: There is none of this id.
            RunError: The cluster does not answer.
        """
        with job_errors(self.address):
            return str(self.client.get_job_logs(identity))

    def stop(self, identity: str) -> Job:
        """Stop a job as Ctrl-C would; one that has ended stays as it is.

        Returns:
            The job, ended.

        Raises:
            InputError: There is none of this id.
            RunError: The cluster does not answer, or the job does not end.
        """
        with job_errors(self.address):
            self.client.stop_job(identity)
        return self._ended(identity)

    def _ended(self, identity: str) -> Job:
        """Wait until the cluster knows that a job has ended, somewhat longer than a stop takes."""
        deadline = time.monotonic() + int(STOPPING["RAY_JOB_STOP_WAIT_TIME_S"]) + 30
        while (job := self.find(identity)).status not in ENDED:
            if time.monotonic() > deadline:
                raise RunError(f"job {identity} is still {job.status}; ask again")
            time.sleep(0.5)
        return job


@contextmanager
def _dashboard_at(address: str) -> Iterator[None]:
    """Set the address where Ray looks first, for the length of the block.

    Ray lets that of the environment win over its own argument.
    """
    before = os.environ.get(DASHBOARD)
    os.environ[DASHBOARD] = address
    try:
        yield
    finally:
        del os.environ[DASHBOARD]
        if before is not None:
            os.environ[DASHBOARD] = before


def check_no_secret(texts: Sequence[str]) -> None:
    """Refuse to show a secret in the dashboard.

    Raises:
        InputError: A URI holds one.
    """
    if any(holds_secret(text) for text in texts):
        raise InputError(
            "an address in the command or its variables holds a secret, which the dashboard would "
            "show to all: let the nodes' own role or files give the credentials"
        )


def _described(details: JobDetails) -> Job:
    started = details.start_time and datetime.fromtimestamp(details.start_time / 1000, UTC)
    ended = datetime.fromtimestamp(details.end_time / 1000, UTC) if details.end_time else None
    minutes = ((ended or datetime.now(UTC)) - started).total_seconds() / 60 if started else 0.0
    return Job(
        job=details.submission_id,
        status=str(details.status),
        started=started or None,
        minutes=minutes,
        command=details.entrypoint.removeprefix(shlex.join(COMMAND)).strip(),
        message=details.message or "",
    )
