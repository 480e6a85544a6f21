"""Small books with the real configuration, built as a user builds them."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def build(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Type ``jupyter-book build book/`` in a folder."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PROFILE", "RCX_PARAMETERS")}
    return subprocess.run(
        [str(BIN / "jupyter-book"), "build", *arguments, "book/"],
        cwd=root,
        env={**clean, "NO_COLOR": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,  # on a machine that has other work, too
        check=False,
    )


def write_book(root: Path, *, index: str = "# A small book\n", **chapters: str) -> Path:
    """Write a book with the real configuration and other chapters."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    config["logo"] = config["html"]["favicon"] = str(ROOT / "book" / "logo.svg")
    del config["bibtex_bibfiles"]
    sphinx = {k: v for k, v in config["sphinx"]["config"].items() if not k.startswith("bibtex")}
    config["sphinx"]["config"] = sphinx
    sphinx["html_static_path"] = [str(ROOT / "book" / p) for p in sphinx["html_static_path"]]
    folder = root / "book"
    folder.mkdir()
    (folder / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    toc = {"format": "jb-book", "root": "index", "chapters": [{"file": name} for name in chapters]}
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc))
    (folder / "index.md").write_text(index)
    for name, text in chapters.items():
        (folder / f"{name}.py").write_text(text)
    return root


def page(root: Path, name: str) -> str:
    """Return the text of a built page."""
    return (root / "book" / "_build" / "html" / f"{name}.html").read_text()
