"""An image's own lambda: labels that would be lost are kept, the others stay as they are."""

import pytest
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


def hasty(lambda_k: float, *, rescue: bool, **options: object) -> rcx.CartoonX:
    """A solver whose steps overshoot what keeps the label."""
    solver = SOLVER.model_copy(update={"late_learning_rate": 1.0, "rescue": rescue})
    return rcx.CartoonX(
        tiny_cnn(), lambda_k, levels=2, solver=solver, evaluation_samples=64, **options
    )


def test_a_label_that_haste_has_lost_is_kept_at_the_same_lambda() -> None:
    images = smooth_images(8)
    lost = hasty(12, rescue=False).explain(images)
    kept = hasty(12, rescue=True).explain(images)
    again = ~lost.label_kept & kept.label_kept
    assert again.any() and kept.label_kept.all()
    assert kept.lambda_k.eq(12).all()
    for mine, theirs in ((kept.mask, lost.mask), (kept.loss, lost.loss)):
        assert torch.equal(mine[~again], theirs[~again])
    together = hasty(12, rescue=True, batch_size=8).explain(images)
    torch.testing.assert_close(together.mask, kept.mask, rtol=1e-3, atol=1e-3)


def test_a_label_that_is_lost_narrowly_is_kept_by_a_mask_nearby() -> None:
    images = smooth_images(8)

    def found(batch_size: int = 1, **changes: object) -> rcx.Explanation:
        solver = rcx.SolverSettings(steps=150, late_learning_rate=0.5, **changes)
        maker = rcx.CartoonX(
            tiny_cnn(), 8, levels=2, solver=solver, evaluation_samples=64, batch_size=batch_size
        )
        return maker.explain(images)

    lost, near, far = found(rescue=False), found(), found(ease=1)
    again = ~lost.label_kept
    assert again.any() and near.label_kept.all() and far.label_kept.all()
    assert (near.loss < far.loss)[again].all()
    off = [(one.mask - lost.mask)[again].abs().mean(1) for one in (near, far)]
    assert (off[0] < off[1] / 2).all()
    # a few steps more, judged by lambda itself, for which it is not the best mask
    assert (near.steps > lost.steps)[again].all() and not near.converged[again].any()
    assert near.lambda_k.eq(8).all()
    for loss, distortion, rate in (
        (near.loss, near.distortion, near.nonsparsity),
        (near.history["loss"], near.history["distortion"], near.history["nonsparsity"]),
    ):
        torch.testing.assert_close(loss, distortion + 8 * rate, equal_nan=True)
    taken = (~near.history["loss"].isnan()).sum(1)
    assert torch.equal(taken, near.steps)
    assert near.history["loss"][:, :100].isfinite().all()
    together = found(batch_size=8)
    assert torch.equal(together.steps, near.steps)
    torch.testing.assert_close(together.loss, near.loss, rtol=0.01, atol=0)
    assert torch.equal(*(one.history["loss"].isnan() for one in (together, near)))


def test_an_empty_mask_is_mended_by_the_first_settings_that_keep_the_label() -> None:
    images = smooth_images(2)

    def found(settings: rcx.SolverSettings) -> rcx.Explanation:
        maker = rcx.CartoonX(tiny_cnn(), 12, levels=2, solver=settings, evaluation_samples=64)
        return maker.explain(images)

    hasty = SOLVER.model_copy(update={"learning_rate": 1.0})
    lost = found(hasty.model_copy(update={"rescue": False}))
    assert not lost.label_kept.any() and (lost.nonsparsity < 1e-3).all()
    gentle = found(hasty.gentler[0].model_copy(update={"rescue": False}))
    assert gentle.label_kept.all()
    assert torch.equal(found(hasty).mask, gentle.mask)


def test_a_second_attempt_leaves_no_trace_in_what_follows() -> None:
    images = smooth_images(8)
    lambda_ks = (4.0, 16.0, 30.0)
    path = hasty(16, rescue=True).explain_path(images, lambda_ks)
    alone = hasty(16, rescue=True).explain_path(images[3:4], lambda_ks)
    for whole, one in zip(path, alone, strict=True):
        assert torch.equal(whole.mask[3:4], one.mask)


def test_a_target_distortion_and_the_published_solver_are_searched_for_once() -> None:
    assert not rcx.SolverSettings.preset("published").rescue
    images = smooth_images(4)
    results = [
        hasty(16, rescue=rescue, target_distortion=0.02).explain(images) for rescue in (False, True)
    ]
    assert torch.equal(*(result.mask for result in results))


class Counting(torch.nn.Module):
    """A classifier that counts the images it is asked about, in all of its copies."""

    asked = 0

    def __init__(self) -> None:
        super().__init__()
        self.model = tiny_cnn()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        Counting.asked += len(images)
        return self.model(images)


@pytest.mark.parametrize(
    "options",
    [{}, {"keep_label": True}, {"target_distortion": 0.02}],
    ids=["rescue", "keep_label", "target"],
)
def test_only_images_that_need_it_are_solved_again(options: dict[str, object]) -> None:
    images = smooth_images(4)
    solver = SOLVER.model_copy(update={"late_learning_rate": 1.0, "stop_early": False})
    lambda_k = 60.0 if "keep_label" in options else 16.0
    asked = []
    for batch_size in (1, 4):
        Counting.asked = 0
        one = rcx.CartoonX(
            Counting(), lambda_k, levels=2, solver=solver, batch_size=batch_size, **options
        )
        one.explain(images)
        asked.append(Counting.asked)
    once = len(images) * sum(solver.samples_at(step) for step in range(solver.steps))
    assert once < asked[0]  # something was solved again
    assert asked[1] <= 1.02 * asked[0]


def test_a_path_does_not_depend_on_the_batch_though_images_stop_apart() -> None:
    images, lambda_ks = smooth_images(4), (2.0, 0.5)
    solver = SOLVER.model_copy(update={"tolerance": 0.6, "overshoot": 1.0})
    together, alone = (
        rcx.CartoonX(
            tiny_cnn(), levels=2, solver=solver, evaluation_samples=64, batch_size=size
        ).explain_path(images, lambda_ks)
        for size in (4, 1)
    )
    assert len(together[0].steps.unique()) > 1
    for whole, one in zip(together, alone, strict=True):
        torch.testing.assert_close(whole.mask, one.mask, rtol=1e-3, atol=1e-3)


def test_progress_goes_on_where_an_image_is_solved_again() -> None:
    seen: list[tuple[int, int]] = []
    hasty(16, rescue=True).explain(
        smooth_images(8), progress=lambda done, most: seen.append((done, most))
    )
    assert len(seen) > 8 * SOLVER.steps  # some were
    assert all(done <= most for done, most in seen)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
