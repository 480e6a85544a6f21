"""The published preset takes the steps of the published algorithm, on the same noise."""

from pathlib import Path

import pytest
import torch
from helpers import smooth_images, tiny_cnn
from typer.testing import CliRunner

from rcx.classifiers.loading import load_classifier
from rcx.commands.main import app
from rcx.evaluate.published_code import PublishedCodeError, published_code_table
from rcx.reference.measured import published_code

# Algorithm 1 once more, by the interface of the study's code: with torch's own optimiser, each
# band on its own, and the transform of pytorch-wavelets.
CARTOONX = """
import torch
from pytorch_wavelets import DWTForward, DWTInverse

class CartoonX:
    def __init__(self, model, device, batch_size, num_steps, step_size, l1lambda, wave, mode, J):
        self.model, self.samples, self.steps = model, batch_size, num_steps
        self.rate, self.weight = step_size, l1lambda
        self.forward, self.inverse = DWTForward(J, wave, mode), DWTInverse(wave, mode)

    def __call__(self, image, target, path):
        low, high = self.forward(image)
        bands = [low, *high]
        masks = [torch.ones_like(band[:, 0], requires_grad=True) for band in bands]
        entries = sum(mask.numel() for mask in masks)
        optimizer = torch.optim.Adam(masks, lr=self.rate)
        before = self.model(image).softmax(1)[:, target].detach()
        losses = []
        for step in range(self.steps):
            print("step", step)
            mixed = []
            for band, mask in zip(bands, masks):
                noise = torch.randn((self.samples, *band.shape[1:]), dtype=torch.float32)
                noise = band.std() * noise + band.mean()
                mixed.append(mask[:, None] * band + (1 - mask[:, None]) * noise)
            images = self.inverse((mixed[0], mixed[1:])).clamp(0, 1)
            after = self.model(images).softmax(1)[:, target]
            rate = sum(mask.abs().sum() for mask in masks) / entries
            loss = (before - after).square().mean() + self.weight * rate
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for mask in masks:
                    mask.clamp_(0, 1)
        low, high = self.forward(image.mean(1, keepdim=True))
        grey = [mask.detach()[:, None] * band for mask, band in zip(masks, [low, *high])]
        return self.inverse((grey[0], grey[1:])).squeeze(0).clamp(0, 1), {"loss": losses}
"""
PIXEL_RDE = """
import torch

class PixelRDE:
    def __init__(self, model, device, batch_size, num_steps, step_size, l1lambda):
        self.model, self.samples, self.steps = model, batch_size, num_steps
        self.rate, self.weight = step_size, l1lambda

    def __call__(self, image, target):
        mask = torch.ones_like(image[:, 0], requires_grad=True)
        optimizer = torch.optim.Adam([mask], lr=self.rate)
        before = self.model(image).softmax(1)[:, target].detach()
        losses = []
        for _ in range(self.steps):
            noise = torch.randn((self.samples, *image.shape[1:]), dtype=torch.float32)
            noise = image.std() * noise + image.mean()
            after = self.model(mask * image + (1 - mask) * noise).softmax(1)[:, target]
            loss = (before - after).square().mean() + self.weight * mask.abs().mean()
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                mask.clamp_(0, 1)
        return mask.detach(), {"loss": losses}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cartoonX.py").write_text(CARTOONX)
    (tmp_path / "pixelRDE.py").write_text(PIXEL_RDE)
    return tmp_path


def test_the_published_preset_is_the_published_algorithm(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier = load_classifier(tiny_cnn())
    images = smooth_images(2, (64, 64))
    table = published_code_table(folder, classifier, images, steps=12, seed=3)
    assert list(table.index) == ["CartoonX", "Pixel RDE"]
    assert (table[["losses apart", "pictures apart"]] < 1e-4).all(axis=None)
    assert (table.drop(columns=["losses apart", "pictures apart"]) > 0).all(axis=None)
    assert capsys.readouterr().out == ""  # it may count its steps


def test_another_algorithm_is_told(folder: Path) -> None:
    (folder / "cartoonX.py").write_text(CARTOONX.replace("lr=self.rate", "lr=2 * self.rate"))
    classifier = load_classifier(tiny_cnn())
    table = published_code_table(folder, classifier, smooth_images(1, (32, 32)), steps=3)
    assert table.loc["CartoonX", "losses apart"] > 1e-4


def test_code_that_is_not_there_or_cannot_be_imported(folder: Path) -> None:
    arguments = load_classifier(tiny_cnn()), smooth_images(1)
    with pytest.raises(PublishedCodeError, match=r"clone https://github.com/elidub/MLRC-CartoonX"):
        published_code_table(folder / "cartoonx", *arguments)
    (folder / "cartoonX.py").write_text("import no_such_library")
    with pytest.raises(PublishedCodeError, match="no_such_library"):
        published_code_table(folder, *arguments)
    with pytest.raises(ValueError, match="at least 2"):
        published_code_table(folder, *arguments, steps=1)


def test_from_the_command_line(folder: Path) -> None:
    torch.manual_seed(0)
    options = ["--n-images", "1", "--published-code"]
    done = CliRunner().invoke(app, ["bench", *options, str(folder)])
    assert done.exit_code == 0, done.output
    assert "Pixel RDE" in done.output
    missing = CliRunner().invoke(app, ["bench", *options, str(folder / "none")])
    assert missing.exit_code == 2
    assert "MLRC-CartoonX" in missing.output.replace("\n", "")


def test_the_table_of_the_photographs_has_the_columns_that_are_measured(folder: Path) -> None:
    measured = published_code_table(folder, load_classifier(tiny_cnn()), smooth_images(1), steps=2)
    table = published_code().drop(columns="photographs")
    assert list(table) == list(measured)
    assert (table[["losses apart", "pictures apart"]] < 1e-4).all(axis=None)
