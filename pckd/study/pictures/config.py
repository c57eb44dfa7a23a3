"""Settings of the pictures stage: the raw material of the paper's Figures 1, 7 and 8."""

from typing import Annotated

from pydantic import Field, field_validator

from pckd.settings import Settings

ClassName = Annotated[str, Field(strict=False, coerce_numbers_to_str=True)]


class PictureStage(Settings):
    """Settings of the stage that pictures some trained students and their teachers.

    Students are those of the first teacher-student pair; classes go by the names that they have
    in the data set.
    """

    cases: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="names of the cases to look at; by default all named cases, the first of a "
        "grid or of vary_one, the best configuration of a search",
    )
    seed: int | None = Field(
        None, description="of the students; by default the first seed of the study"
    )
    example_class: ClassName | None = Field(
        None,
        description="Figure 7: the class whose easiest and hardest training images are kept; by "
        "default the first",
    )
    examples: int = Field(5, ge=1, le=20, description="Figure 7: number of each")
    feature_classes: tuple[ClassName, ...] | None = Field(
        None,
        min_length=2,
        description="Figure 8: the classes whose features are kept; by default ten, spread evenly",
    )
    feature_images: int = Field(
        50, ge=2, description="Figure 8: test images of each class, at most: the first ones"
    )

    @field_validator("cases", "feature_classes")
    @classmethod
    def _different(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        repeated = [name for place, name in enumerate(names or ()) if name in (names or ())[:place]]
        if repeated:
            raise ValueError(f"{repeated[0]!r} is given twice")
        return names

    def content(self) -> dict[str, object]:
        """Settings that decide the content of a student's file, as JSON can write them."""
        return self.model_dump(mode="json", exclude={"cases", "seed"})
