from collections.abc import Callable

import pytest

from pckd.errors import InputError
from pckd.models.registry import Registry


@pytest.fixture
def fruit() -> Registry[str]:
    registry: Registry[str] = Registry("fruit")

    @registry.register("apple_green", aliases=("granny",), colour="green")
    @registry.register("apple_red", colour="red")
    def apple(*, colour: str, size: int) -> str:
        return f"{colour} apple of size {size}"

    return registry


def test_each_name_builds_with_its_own_settings(fruit: Registry[str]) -> None:
    assert fruit.find("apple_green").build(size=2) == "green apple of size 2"
    assert fruit.find("apple_red").build(size=3) == "red apple of size 3"


@pytest.mark.parametrize("spelling", ["apple_green", "Apple-Green", "granny", "GRANNY"])
def test_aliases_case_and_dashes_find_the_canonical_name(
    fruit: Registry[str], spelling: str
) -> None:
    assert fruit.find(spelling).name == "apple_green"


@pytest.mark.parametrize("name", ["apple_red", "Apple-Red", "granny"])
def test_a_name_is_registered_once(fruit: Registry[str], name: str) -> None:
    enter: Callable[[Callable[[], str]], Callable[[], str]] = fruit.register(name)
    with pytest.raises(ValueError, match="registered twice"):
        enter(lambda: "another")


def test_an_alias_that_is_taken_leaves_no_trace(fruit: Registry[str]) -> None:
    with pytest.raises(ValueError, match="'granny' is registered twice"):
        fruit.register("smith", aliases=("granny",))(lambda: "another")
    assert fruit.names() == ["apple_green", "apple_red"]


def test_names_are_sorted_and_chosen_by_pattern(fruit: Registry[str]) -> None:
    assert fruit.names() == ["apple_green", "apple_red"]
    assert fruit.names("*_red") == ["apple_red"]
    assert fruit.names("pear*") == []


def test_a_miss_names_what_is_near(fruit: Registry[str]) -> None:
    with pytest.raises(InputError) as caught:
        fruit.find("aple_rd")
    assert str(caught.value) == "fruit 'aple_rd' is not known; did you mean apple_red?"


def test_a_miss_with_nothing_near_names_all(fruit: Registry[str]) -> None:
    with pytest.raises(InputError, match="not known; known are apple_green, apple_red, shop/pear"):
        fruit.find("zzz", elsewhere=["shop/pear"])


def test_what_stands_before_a_slash_is_not_compared(fruit: Registry[str]) -> None:
    with pytest.raises(InputError, match="did you mean shop/pear"):
        fruit.find("pear", elsewhere=["shop/pear"])
