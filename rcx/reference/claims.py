"""The claims that are tested, and their tests, as they were stated before the measurement."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from rcx.evaluate.statistics import Expected


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClaimTest(_Table):
    """A paired test of a claim.

    Attributes
    ----------
    measure : str
        What is compared, such as a name of `rcx.evaluate.curve_measures`.
    expected : {"lower", "higher"}
        What the claim expects of the first of the two methods.
    """

    measure: str
    expected: Expected


class Claim(_Table):
    """A claim, how it is read, and how it is tested.

    Attributes
    ----------
    name : str
        Name of the chapter's `rcx.report.Result` about the claim.
    number, title : str
        What a reader sees of the claim.
    chapter : str
        Name of the chapter that tests it.
    claimed, reported : str
        What was claimed, and what the reproducibility report found.
    read_as : str
        How the words were read where they are vaguer than a test.
    change_of_mind : str
        What would speak against the verdict.
    sentence : str
        A sentence that says what the first test found, with ``{change}`` for the difference.
    margin : float
        Percentage points by which the first method may be worse, at least 0.
    tests : tuple of ClaimTest
        The tests. Figures show the first one.
    """

    name: str
    number: str
    title: str
    chapter: str
    claimed: str
    reported: str
    read_as: str
    change_of_mind: str
    sentence: str
    margin: float = Field(default=0.0, ge=0)
    tests: tuple[ClaimTest, ...] = Field(min_length=1)

    @property
    def expectations(self) -> dict[str, Expected]:
        """What is expected of the first method, by measure."""
        return {test.measure: test.expected for test in self.tests}


@cache
def claims() -> dict[str, Claim]:
    """Read the claims from ``claims.toml``, by name, in the order of the book."""
    text = files("rcx.reference").joinpath("claims.toml").read_text(encoding="utf-8")
    listed = [Claim.model_validate(table) for table in tomllib.loads(text)["claims"]]
    return {claim.name: claim for claim in listed}
