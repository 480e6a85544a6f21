"""Start networks: their predictions, files and training, and the network of the sample."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import make_objective, seeded, smooth_images, tiny_cnn
from safetensors.torch import load_file, save_file
from torch import Tensor

import rcx
from rcx.evaluate.statistics import compare
from rcx.images.scenes import draw_scenes
from rcx.representations.pixels import Pixels
from rcx.representations.representation import Representation
from rcx.representations.wavelets import Wavelets
from rcx.solver.objective import Objective
from rcx.solver.settings import SolverSettings
from rcx.starts.evidence import StartSettings, gather_evidence
from rcx.starts.initial import initial_mask
from rcx.starts.network import StartNetwork
from rcx.starts.training import Trainer
from rcx.starts.training_data import SolvedMasks
from rcx.starts.training_settings import TrainingSettings

SHORT = SolverSettings.preset("short")


def make_network(representation: Representation, seed: int = 0) -> StartNetwork:
    """A network of random weights."""
    bands = representation.bands
    settings = StartSettings(
        representation=representation.name,
        size=representation.size,
        channels=tuple(band.shape[0] if len(band.shape) == 3 else 1 for band in bands),
        widths=tuple(4 + level for level in range(len(bands)))[::-1],
        lambda_k=(5.0, 80.0),
        method="CartoonX",
        classifier="tiny",
        weights_hash="0" * 8,
    )
    network = StartNetwork(settings, {"seed": seed})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=seeded(seed)))
    return network.eval()


def tiny_objective(n: int = 3, size: tuple[int, int] = (24, 24)) -> Objective:
    return make_objective(tiny_cnn(), smooth_images(n, size))


def lambdas(n: int, value: float = 20.0) -> Tensor:
    return torch.full((n,), value)


# --- prediction


@pytest.mark.parametrize(
    "representation", [Wavelets(24, "haar", 2), Wavelets((26, 21), "db3", 2), Pixels((9, 12))]
)
def test_a_prediction_is_a_mask_of_any_representation(representation: Representation) -> None:
    images = smooth_images(2, representation.size)
    objective = make_objective(tiny_cnn(), images, representation=representation)
    network = make_network(representation)
    mask = initial_mask(network, objective, seeded(0), lambdas(2))
    assert mask.shape == (2, representation.length)
    assert ((mask >= 0) & (mask <= 1)).all()
    assert not mask.requires_grad
    assert mask.std() > 0


def test_a_seed_gives_the_same_bits_and_no_global_draws() -> None:
    objective = tiny_objective()
    network = make_network(objective.representation)
    state = torch.get_rng_state()
    first, second = (initial_mask(network, objective, seeded(7), lambdas(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(first, initial_mask(network, objective, seeded(8), lambdas(3)))


def test_an_images_prediction_does_not_depend_on_its_batch() -> None:
    classifier, images = tiny_cnn(), smooth_images(3)
    objective = make_objective(classifier, images)
    network = make_network(objective.representation)
    lambda_k = torch.tensor([5.0, 20.0, 60.0])
    batch = initial_mask(network, objective, seeded(1), lambda_k)
    for row in range(3):
        alone = make_objective(classifier, images[row : row + 1])
        mask = initial_mask(network, alone, seeded(1), lambda_k[row : row + 1])
        torch.testing.assert_close(mask[0], batch[row], rtol=1e-3, atol=1e-4)


def test_a_mask_that_loses_the_class_is_made_denser_until_it_is_kept() -> None:
    objective = tiny_objective(6)
    network = make_network(objective.representation)
    torch.nn.init.constant_(network.answer[0].bias, -20)  # type: ignore[arg-type]
    mask = network.predict(objective, lambdas(6), seeded(0))
    bare = network(objective, gather_evidence(objective, network.settings, seeded(0)), lambdas(6))
    answer = objective.answer(mask, objective.draw(256, seeded(1)))
    assert (answer.scores.argmax(1) == objective.target).float().mean() >= 5 / 6
    assert (mask >= bare - 1e-6).all()


def test_a_prediction_needs_lambda() -> None:
    objective = tiny_objective()
    with pytest.raises(ValueError, match="needs a StartNetwork and lambda_k"):
        initial_mask(make_network(objective.representation), objective, seeded(0))


@pytest.mark.parametrize(
    ("representation", "message"),
    [
        (Pixels(24), r"trained for wavelets \(haar, 2 levels\), not for pixels"),
        (Wavelets(24, "haar", 3), r"not for wavelets \(haar, 3 levels\)"),
    ],
)
def test_other_coefficients_are_refused(representation: Representation, message: str) -> None:
    network = make_network(Wavelets(24, "haar", 2))
    images = smooth_images(1, representation.size)
    objective = make_objective(tiny_cnn(), images, representation=representation)
    with pytest.raises(ValueError, match=message):
        initial_mask(network, objective, seeded(0), lambdas(1))


def test_a_network_predicts_for_images_of_other_sizes() -> None:
    network, wavelets = make_network(Wavelets(24, "haar", 2)), Wavelets((26, 36), "haar", 2)
    objective = make_objective(tiny_cnn(), smooth_images(2, wavelets.size), representation=wavelets)
    mask = initial_mask(network, objective, seeded(0), lambdas(2))
    assert mask.shape == (2, wavelets.length)


def test_a_classifier_without_a_network_gets_that_for_photographs_with_a_warning() -> None:
    with pytest.warns(
        UserWarning, match=r"by a network for timm/tf_mobilenetv3_small_100, as none"
    ):
        explainer = rcx.CartoonX(tiny_cnn(), start="predicted", solver=SolverSettings(steps=2))
    explanation = explainer.explain(smooth_images(1, (64, 64)))
    assert bool(explanation.loss.isfinite().all())
    with pytest.raises(
        ValueError, match=r"no start network for Pixel RDE comes with .* train-start"
    ):
        rcx.PixelRDE(tiny_cnn(), start="predicted")


# --- the file


def test_a_file_gives_the_network_back(tmp_path: Path) -> None:
    network = make_network(Wavelets(24, "haar", 2))
    for parameter in network.parameters():
        parameter.data = parameter.data.half().float()  # files are in half precision
    loaded = StartNetwork.load(network.save(tmp_path / "start.safetensors"))
    assert loaded.settings == network.settings
    assert loaded.history == {"seed": 0}
    assert loaded.fingerprint == network.fingerprint
    objective = tiny_objective()
    first, second = (
        either.predict(objective, lambdas(3), seeded(0)) for either in (network, loaded)
    )
    assert torch.equal(first, second)
    assert [file.name for file in tmp_path.iterdir()] == ["start.safetensors"]


def damaged(path: Path, kind: str) -> None:
    content, tensors = path.read_bytes(), load_file(path)
    header = {"format": "rcx start network 1", "settings": "{}", "history": "{}"}
    settings = make_network(Wavelets(24, "haar", 2)).settings.model_dump_json()
    if kind == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "pickle":
        torch.save({"weight": torch.ones(3)}, path)
    elif kind == "other":
        save_file(tensors, path)
    elif kind == "earlier":
        save_file(tensors, path, header | {"format": "rcx start network 0"})
    elif kind == "settings":
        save_file(tensors, path, header)
    elif kind == "missing":
        tensors.popitem()
        save_file(tensors, path, header | {"settings": settings})
    else:
        tensors = {name: torch.full_like(value, torch.nan) for name, value in tensors.items()}
        save_file(tensors, path, header | {"settings": settings})


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("cut", "checksum does not fit"),
        ("empty", "not a readable safetensors file"),
        ("pickle", "not a readable safetensors file"),
        ("other", "no rcx start network"),
        ("earlier", "of an earlier format of rcx: train the network again"),
        ("settings", "damaged rcx start network"),
        ("missing", "damaged rcx start network"),
        ("nan", "not finite"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, kind: str, message: str) -> None:
    path = make_network(Wavelets(24, "haar", 2)).save(tmp_path / "start.safetensors")
    damaged(path, kind)
    with pytest.raises(ValueError, match=message):
        StartNetwork.load(path)


# --- training


def tiny_trainer(steps: int = 6, solved: SolvedMasks | None = None, **changes: Any) -> Trainer:
    settings = TrainingSettings(steps=steps, batch_size=2, samples=2, **changes)
    return Trainer(
        rcx.load_classifier(tiny_cnn()),
        Wavelets(24, "haar", 2),
        smooth_images(4),
        settings,
        method="CartoonX",
        measure="probability",
        device="cpu",
        solved=solved,
    )


def test_training_on_explanations_learns_their_masks() -> None:
    wavelets = Wavelets(24, "haar", 2)
    coarse = torch.zeros(4, wavelets.length)
    coarse[:, wavelets.bands[0].positions] = 1  # what each of the images keeps
    solved = SolvedMasks(coarse, torch.full((4,), 20.0))
    trainer = tiny_trainer(150, solved, learning_rate=0.02, lambda_k=(20.0, 20.0))
    objective = make_objective(tiny_cnn(), smooth_images(4), representation=wavelets)
    evidence = gather_evidence(objective, trainer.network.settings, seeded(1))
    with torch.no_grad():
        first = trainer.network(objective, evidence, lambdas(4))
    torch.testing.assert_close(first, torch.full_like(first, float(coarse.mean())))
    trainer.train()
    with torch.no_grad():
        predicted = trainer.network(objective, evidence, lambdas(4))
    assert float(predicted[coarse == 1].mean()) > 0.9
    assert float(predicted[coarse == 0].mean()) < 0.05


def test_training_lowers_the_loss_and_says_how_it_was_done() -> None:
    trainer = tiny_trainer(60, learning_rate=0.02, rising_share=0.0)
    trainer.train(1)
    before = trainer.loss
    trainer.train()
    assert trainer.loss < 0.7 * before
    history = trainer.network.history
    assert history["steps"] == 60
    assert history["images"] == 4
    assert history["training"]["learning_rate"] == 0.02
    json.dumps(history)


def test_training_that_is_interrupted_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole = tiny_trainer()
    whole.train()
    first, second = tiny_trainer(), tiny_trainer()
    first.train(3)
    first.save_checkpoint(tmp_path / "checkpoint")
    second.resume(tmp_path / "checkpoint")
    second.train()
    assert second.network.fingerprint == whole.network.fingerprint
    assert second.loss == whole.loss


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    trainer = tiny_trainer()
    trainer.save_checkpoint(tmp_path / "checkpoint")
    with pytest.raises(ValueError, match="belongs to another training"):
        tiny_trainer(seed=1).resume(tmp_path / "checkpoint")
    (tmp_path / "checkpoint").write_bytes(b"not this")
    with pytest.raises(ValueError, match="no readable checkpoint"):
        tiny_trainer().resume(tmp_path / "checkpoint")


def test_training_for_minutes_chooses_steps_and_leaves_no_trace() -> None:
    timed, given = tiny_trainer(), tiny_trainer()
    timed.fit_minutes(0.02)
    assert timed.settings.steps > 1
    timed.settings = given.settings
    timed.train()
    given.train()
    assert timed.network.fingerprint == given.network.fingerprint


# --- the sample's own


@pytest.fixture(scope="module")
def unseen() -> Tensor:
    return draw_scenes(12, seed=2_000_077).images


def test_the_samples_network_keeps_the_class_of_nearly_all_unseen_scenes(unseen: Tensor) -> None:
    explainer = rcx.CartoonX(
        "sample/cnn", start="predicted", solver=SolverSettings(steps=0), seed=5
    )
    explanation = explainer.explain(unseen)
    assert explanation.label_kept.float().mean() >= 0.9
    assert explanation.nonsparsity.median() < 0.05
    assert (explanation.steps == 0).all()
    assert explanation.history["loss"].shape == (12, 0)
    assert explanation.settings["start"].startswith("network ")


@pytest.mark.slow
def test_half_the_steps_are_enough_from_the_samples_network(unseen: Tensor) -> None:
    options: dict[str, Any] = {"evaluation_samples": 256, "seed": 0}
    default = rcx.CartoonX("sample/cnn", **options).explain(unseen)
    short = rcx.CartoonX("sample/cnn", start="predicted", solver=SHORT, **options).explain(unseen)
    assert SHORT.steps <= SolverSettings().steps / 2
    assert short.label_kept.all()
    difference = compare(short.loss, default.loss).difference
    assert difference.low <= 0 or difference.mean < 0.02 * default.loss.mean()
