"""Chapters by papermill's own command, from any folder; everything else as papermill does it."""

from __future__ import annotations

import os
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from books import BIN, ROOT

from rcx.report import numbers_of
from rcx.report.book.papermill_io import PREFIXES

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENTRY_POINTS = SETTINGS["entry-points"]["papermill.io"]
CHAPTER = """# %% [markdown]
# # A chapter

# %% tags=["parameters"]
value: int = 1  # a number
lambda_ks: list = [5.0, 20.0]  # numbers

# %%
from rcx.report import numbers_of
print("the value is", value, "of", sum(numbers_of(lambda_ks)))
"""
NAMES = ("02_quantitative", "appendix_curves")
OLD = "the installed entry points are older than pyproject's: install the package again"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two chapters, and beside it entry points as an installation writes them."""
    root = tmp_path_factory.mktemp("papermill")
    for name in NAMES:
        path = root / "project" / "book" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CHAPTER)
    installed = root / "installed" / f"rcx-{SETTINGS['version']}.dist-info"
    installed.mkdir(parents=True)
    lines = [f"{name} = {place}" for name, place in ENTRY_POINTS.items()]
    (installed / "entry_points.txt").write_text("\n".join(["[papermill.io]", *lines]))
    (installed / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: rcx\nVersion: {SETTINGS['version']}\n"
    )
    return root / "project"


def papermill(
    folder: Path, *arguments: str, installed: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Type a command of papermill in a folder, with entry points that come before all others."""
    paths = [str(installed)] if installed else []
    paths += [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    return subprocess.run(
        [str(BIN / "papermill"), "--no-progress-bar", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )


def printed(path: Path) -> str:
    notebook = nbformat.read(path, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


WITH_TEXT = ("-p", "value", "5", "-y", "lambda_ks: '1, 2'")
BY_OPTION = ("-p", "value", "5", "-p", "lambda_ks", "[1, 2]")
BY_YAML = ("-y", "value: 5", "-y", "lambda_ks: [1, 2]")


@pytest.mark.parametrize(
    ("folder", "path", "options"),
    [
        (".", "book/02_quantitative.py", BY_OPTION),
        (".", "./book/02_quantitative.py", BY_YAML),
        ("book", "02_quantitative.py", BY_OPTION),
        ("book", "appendix_curves.py", BY_YAML),
        ("book", "./appendix_curves.py", BY_OPTION),
        ("results", "../book/appendix_curves.py", BY_YAML),
        ("results", "ABSOLUTE/book/02_quantitative.py", WITH_TEXT),
    ],
)
def test_a_chapter_runs_from_any_folder(
    project: Path, folder: str, path: str, options: tuple[str, ...]
) -> None:
    (project / folder).mkdir(exist_ok=True)
    path = path.replace("ABSOLUTE", str(project))
    out = project / folder / "out.ipynb"
    installed = project.parent / "installed"
    result = papermill(project / folder, path, "out.ipynb", *options, installed=installed)
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr
    assert "unknown parameter" not in result.stderr
    assert printed(out) == "the value is 5 of 3.0\n"
    out.unlink()


def test_notebooks_are_read_and_written_where_papermill_would(project: Path) -> None:
    installed, folder = project.parent / "installed", project / "book"
    first, second = project / "first.ipynb", project / "0_second.ipynb"
    result = papermill(project, "book/02_quantitative.py", str(first), "--prepare-only",
                       installed=installed)  # fmt: skip
    assert result.returncode == 0, result.stderr
    # papermill writes while it runs in another folder, and yet to the folder it was started in
    result = papermill(project, str(first), "./0_second.ipynb", "--cwd", str(folder),
                       installed=installed)  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr
    assert printed(second) == "the value is 1 of 25.0\n"
    assert not (folder / "0_second.ipynb").exists()
    result = papermill(project, "0_second.ipynb", "../third.ipynb", "--prepare-only",
                       installed=installed)  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert (project.parent / "third.ipynb").exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("notes.txt", "no notebook", "notes.txt) does not end in one of"),
        ("script.py", "print('no chapter')\n", "does not appear to be JSON"),
        ("absent.py", None, "No such file or directory"),
    ],
)
def test_what_is_no_chapter_is_refused_as_papermill_does(
    project: Path, name: str, text: str | None, message: str
) -> None:
    path = project / name
    if text is not None:
        path.write_text(text)
    result = papermill(project, str(path), "out.ipynb", installed=project.parent / "installed")
    assert result.returncode != 0
    assert message in result.stderr
    assert not (project / "out.ipynb").exists()


def test_the_warning_of_an_ending_is_kept_where_papermill_reads_the_file(project: Path) -> None:
    (project / "other.py").write_text(CHAPTER)
    result = papermill(project, "other.py", "out.ipynb", installed=project.parent / "installed")
    assert result.returncode != 0
    assert "other.py) does not end in one of" in result.stderr


def test_the_beginnings_are_those_that_are_registered() -> None:
    assert set(PREFIXES) == set(ENTRY_POINTS)
    assert set(ENTRY_POINTS.values()) == {"rcx.report.book.papermill_io:handler"}


def test_every_chapter_of_the_book_begins_so() -> None:
    for path in (ROOT / "book").glob("*.py"):
        assert path.name.startswith(PREFIXES), f"register the beginning of {path.name}"


def test_an_installation_has_the_entry_points_of_the_project(project: Path) -> None:
    points = metadata.distribution("rcx").entry_points.select(group="papermill.io")
    if not set(ENTRY_POINTS) <= points.names:
        pytest.skip(OLD)
    result = papermill(project / "book", "appendix_curves.py", "real.ipynb", "-p", "value", "7")
    assert result.returncode == 0, result.stderr
    assert printed(project / "book" / "real.ipynb") == "the value is 7 of 25.0\n"


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ([5, 20.5], [5.0, 20.5]),
        ((1,), [1.0]),
        ("[5.0, 20.0]", [5.0, 20.0]),
        ("5, 20", [5.0, 20.0]),
        (" (1e-2, -3) ", [0.01, -3.0]),
        ("5", [5.0]),
        (5, [5.0]),
        (0.5, [0.5]),
        ([], []),
    ],
)
def test_a_list_of_numbers_may_be_given_as_text(value: object, numbers: list[float]) -> None:
    assert numbers_of(value) == numbers
    assert all(type(number) is float for number in numbers_of(value))


@pytest.mark.parametrize(
    "value", ["", "a, b", "5 20", "[5, 'x']", "[5", "{5: 1}", [True], [None], None, ["5"], [[5]],
              "1e999", float("nan")]
)  # fmt: skip
def test_what_is_no_list_of_numbers_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match=r"is no list of numbers; write \[5, 20\] or '5, 20'"):
        numbers_of(value)
