"""An image's own lambda: labels that would be lost are kept, the others stay as they are."""

import torch
from helpers import smooth_images, tiny_cnn

import rcx

SOLVER = rcx.SolverSettings(steps=60, samples=4)


def explainer(lambda_k: float, **options: object) -> rcx.CartoonX:
    return rcx.CartoonX(
        tiny_cnn(), lambda_k, levels=2, solver=SOLVER, evaluation_samples=64, **options
    )


def test_a_lost_label_is_kept_by_a_smaller_lambda() -> None:
    images = smooth_images(4)
    lost = explainer(1e3).explain(images)
    assert not lost.label_kept.all()
    kept = explainer(1e3, keep_label=True).explain(images)
    assert kept.label_kept.all()
    assert (kept.lambda_k[~lost.label_kept] < 1e3).all()
    torch.testing.assert_close(
        kept.loss, kept.distortion + kept.lambda_k * kept.nonsparsity, rtol=1e-5, atol=1e-6
    )


def test_a_label_that_is_not_lost_costs_nothing() -> None:
    images = smooth_images(3)
    plain = explainer(0.05).explain(images)
    assert plain.label_kept.all()
    careful = explainer(0.05, keep_label=True).explain(images)
    assert torch.equal(plain.mask, careful.mask)
    assert torch.equal(plain.lambda_k, careful.lambda_k)


def test_the_answer_does_not_depend_on_the_batch() -> None:
    images = smooth_images(3)
    together = explainer(1e3, keep_label=True, batch_size=3).explain(images)
    alone = explainer(1e3, keep_label=True).explain(images)
    assert torch.equal(together.label_kept, alone.label_kept)
    torch.testing.assert_close(together.lambda_k, alone.lambda_k, rtol=1e-4, atol=1e-6)
