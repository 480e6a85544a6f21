"""Values in RCX_PARAMETERS that hold spaces."""

from __future__ import annotations

import pytest

from rcx.report.book.parameters import EVERY_CHAPTER, ParameterError, settings_from


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("lambda_ks=[5, 20]", {"lambda_ks": [5, 20]}),
        ("  lambda_ks=[5,  20]  seed=2 ", {"lambda_ks": [5, 20], "seed": 2}),
        ("seed=2 lambda_ks=(5, 20) n=3", {"seed": 2, "lambda_ks": (5, 20), "n": 3}),
        ("name='a b=c d' seed=2", {"name": "a b=c d", "seed": 2}),
        ('name="it\'s [one" seed=2', {"name": "it's [one", "seed": 2}),
        ("nested=[[1, 2], ['] ', 3]] seed=2", {"nested": [[1, 2], ["] ", 3]], "seed": 2}),
        ("words=[a, b] seed=2", {"words": "[a, b]", "seed": 2}),
        ("path=/a=b name=it's", {"path": "/a=b", "name": "it's"}),
        ("flag=true empty=", {"flag": True, "empty": ""}),
    ],
)
def test_a_value_has_spaces_inside_brackets_or_quotes(text: str, values: dict[str, object]) -> None:
    assert settings_from({}, {"RCX_PARAMETERS": text}) == {EVERY_CHAPTER: values}


def test_a_chapter_may_be_named_before_such_a_value() -> None:
    settings = settings_from({}, {"RCX_PARAMETERS": "05_gallery.lambda_ks=[5, 20] seed=1"})
    assert settings == {"05_gallery": {"lambda_ks": [5, 20]}, EVERY_CHAPTER: {"seed": 1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lambda_ks=[5, 20 seed=1", r"'lambda_ks=\[5, 20 seed=1' opens a bracket or a quote"),
        ("name='a b", r"\"name='a b\" opens a bracket or a quote that nothing closes"),
        ("lambda_k=10 seed", "'seed' is not of the form name=value"),
        ("lambda_ks=5, 20", "'20' is not of the form name=value"),
        ("lambda_ks = [5, 20]", "'lambda_ks' is not of the form name=value"),
    ],
)
def test_errors_name_the_part_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        settings_from({}, {"RCX_PARAMETERS": text})
