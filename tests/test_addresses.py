"""Addresses that are empty, hold a secret or lack a slash are refused; secrets are not repeated."""

from collections.abc import Callable

import pytest

from pckd.addresses import holds_secret
from pckd.data import open_data
from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.training.config import DataConfig

SECRETS = [
    "s3://KEY:HIDDEN@bucket/x",
    "s3://KEY:ab/HIDDEN/cd@bucket/x",
    "S3://KEY:HIDDEN+/=@bucket",
    "https://user:HIDDEN@host/x",
    "abfs://container@account.dfs.core.windows.net/x?account_key=HIDDEN",
    "s3://bucket/x?region=eu&secret_access_key=HIDDEN",
]
HARMLESS = [
    "s3://bucket/a@b",
    "s3://bucket/x?region=eu-west-1&endpoint_override=localhost:9000",
    "gs://anonymous@bucket/x",
    "abfs://container@account.dfs.core.windows.net/x",
    "/home/a:b@c/images",
]
OPENED: dict[str, Callable[[str], object]] = {
    "results root": Storage,
    "data.root in a configuration": lambda root: validate(
        DataConfig, {"name": "cifar100", "root": root}, "here"
    ),
    "data root": lambda root: open_data("cifar100", root),
}


@pytest.mark.parametrize("address", SECRETS)
@pytest.mark.parametrize("opened", OPENED)
def test_a_secret_is_refused_and_not_repeated(address: str, opened: str) -> None:
    with pytest.raises(InputError, match="holds a secret") as caught:
        OPENED[opened](address)
    assert "HIDDEN" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "right"),
    [
        ("s3:/bucket/x", "s3://bucket/x"),
        ("gs:bucket", "gs://bucket"),
        ("file:/home/x", "file:///home/x"),
        ("hf:/datasets/x", "hf://datasets/x"),
    ],
)
@pytest.mark.parametrize("opened", OPENED)
def test_an_address_with_a_slash_too_few_is_no_folder(
    address: str, right: str, opened: str
) -> None:
    with pytest.raises(InputError, match=rf"a slash too few: write {right}$"):
        OPENED[opened](address)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("$HOME/images", r"holds \$HOME, which only a shell fills in"),
        ("/scratch/${USER}/images", r"holds \$\{USER\}, which only a shell fills in"),
        ("C:\\images", "is a path of Windows"),
        ("d:/images", "is a path of Windows"),
    ],
)
@pytest.mark.parametrize("opened", OPENED)
def test_what_would_be_a_folder_of_another_name_is_refused(
    address: str, reason: str, opened: str
) -> None:
    with pytest.raises(InputError, match=reason):
        OPENED[opened](address)


@pytest.mark.parametrize("address", HARMLESS)
def test_other_addresses_pass(address: str) -> None:
    assert not holds_secret(address)


@pytest.mark.parametrize("address", ["", " "])
@pytest.mark.parametrize("opened", OPENED)
def test_an_empty_address_is_not_the_present_folder(address: str, opened: str) -> None:
    with pytest.raises(InputError, match=r"is empty: name a folder, or \. for the current one$"):
        OPENED[opened](address)


@pytest.mark.parametrize("opened", [Storage, lambda root: open_data("cifar100", root)])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("~nobody-of-that-name/x", "begins with a home folder that is not known"),
        ("/tmp/\udce9t\udce9", r"has characters that no table can hold"),
        ("/tmp/a\0b", r"has characters that no table can hold"),
    ],
)
def test_a_path_that_is_no_folder_of_anybody_is_refused(
    path: str, message: str, opened: Callable[[str], object]
) -> None:
    with pytest.raises(InputError, match=message):
        opened(path)
