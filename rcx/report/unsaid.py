"""Measurements of what the report did not say, see the chapter of that name."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import pandas as pd
import torch
from IPython.display import Markdown
from pandas.io.formats.style import Styler
from torch import Tensor

from rcx.classifiers.classifier import inference_copy
from rcx.classifiers.profiles import VISION_TRANSFORMERS, ProfileName, load_profile
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.reference.photographs import photo_rows
from rcx.reference.published import published_predictions
from rcx.solver.distortion import DistortionMeasure


def paper_scale_table(name: str) -> Styler | Markdown:
    """Load a table of the study's photographs that comes with the package.

    Parameters
    ----------
    name : str
        Of a CSV file in ``rcx/reference``.

    Returns
    -------
    Styler or Markdown
        The table, or a sentence that says so where the package does not have it.
    """
    file = files("rcx.reference").joinpath("measured", f"{name}.csv")
    if not file.is_file():
        return Markdown(f"*The package has no table `{name}` of the study's photographs.*")
    with file.open(encoding="utf-8") as opened:
        return pd.read_csv(opened).style.hide(axis="index").format(precision=3)


def photographs_table(method: str = "CartoonX") -> Styler:
    """Sum up the explanations of the study's photographs whose numbers come with the package.

    Returns
    -------
    Styler
        A row for each classifier, size, kind of input and lambda: how many images, labels lost,
        images whose squared probability is below the loss (so that an empty mask, which moves the
        probability to about zero, is as good), and three measures of distortion.
    """
    rows = photo_rows("explanations", method=method, series=method)
    what = ["classifier", "normalize", "size", "seed", "lambda_k", "image"]
    # of an explanation that was made alone and along a path, the one made alone
    rows = rows.sort_values("on_path", kind="stable").drop_duplicates(what)
    rows = rows.assign(
        inputs=rows["normalize"].map({True: "normalised", False: "raw, as published"}),
        lost=~rows["label_kept"].astype(bool),
        better=rows["probability"] ** 2 < rows["loss"],
    )
    groups = rows.groupby(["classifier", "size", "inputs", "lambda_k"])
    table = groups.agg(
        images=("image", "nunique"),
        lost=("lost", "mean"),
        better=("better", "mean"),
        distortion=("distortion", "mean"),
        l2=("l2", "mean"),
        l2_one_draw=("l2_one_draw", "mean"),
    )
    names = {
        "lost": "label lost",
        "better": "empty mask as good",
        "distortion": "squared change",
        "l2": "l2 norm, 64 draws",
        "l2_one_draw": "l2 norm, one draw",
    }
    return table.rename(columns=names).reset_index().style.hide(axis="index").format(precision=3)


@torch.no_grad()
def normalisation_table(name: ProfileName, *, n_images: int, seed: int) -> pd.DataFrame:
    """Ask classifiers about images with and without the normalisation that they were trained with.

    Parameters
    ----------
    name : {"sample", "imagenet"}
    n_images, seed : int
        As for `rcx.classifiers.load_profile`.

    Returns
    -------
    DataFrame
        For each classifier, with and without: in how many images it is right, the mean probability
        of its answer, and with how many of the published predictions it agrees (where it is the
        study's; NaN where it is not).
    """
    published = published_predictions().set_index("image")
    rows = []
    for column, classifier in {"cnn_256": None, "vit_224": VISION_TRANSFORMERS[name]}.items():
        for normalize in (True, False):
            data = load_profile(
                name, n_images=n_images, seed=seed, classifier=classifier, normalize=normalize
            )
            best = [data.classifier.probabilities(some).max(1) for some in data.images.split(8)]
            answers = torch.cat([answer.indices for answer in best])
            known = published[column].reindex(data.names).to_numpy()
            told = pd.notna(known)
            rows.append(
                {
                    "classifier": data.classifier.name,
                    "inputs": "normalised" if normalize else "raw, as published",
                    "right": float((answers == data.labels).double().mean()),
                    "probability": float(torch.cat([a.values for a in best]).mean()),
                    "agrees with published": (
                        f"{int((answers.numpy() == known)[told].sum())} of {int(told.sum())}"
                        if told.any()
                        else "not its images"
                    ),
                }
            )
    return pd.DataFrame(rows).set_index(["classifier", "inputs"])


class MaskJudge:
    """Masks of some images, judged under other conditions than those that they were made for.

    Parameters
    ----------
    explainer : Explainer
        Whose representation and classifier are used.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    seed : int
        Of the noise.
    """

    def __init__(self, explainer: Explainer, images: Tensor, seed: int) -> None:
        self.explainer, self.seed = explainer, seed
        self.images = images.to(explainer.device)
        self.model = inference_copy(explainer.classifier, explainer.device, self.images)
        with torch.no_grad():
            self.logits = self.model(self.images)

    @torch.no_grad()
    def distortion(
        self,
        masks: Tensor,
        *,
        measure: DistortionMeasure = "probability",
        clamp: bool = True,
        draws: int = 64,
        seed: int | None = None,
    ) -> Tensor:
        """Distortion ``(N,)`` of masks ``(N, K)``, one for each image."""
        objective = self.explainer.objective(
            self.model,
            self.images,
            self.logits,
            self.logits.argmax(1),
            measure=measure,
            clamp=clamp,
            antithetic=False,
        )
        generator = torch.Generator().manual_seed(self.seed if seed is None else seed)
        fields = objective.draw(draws, generator)
        return objective.answer(masks.to(self.images), fields).distortion.cpu()

    def clamping(self, shares: Sequence[float]) -> pd.DataFrame:
        """Keep a share of each coefficient, and clamp the image to [0, 1] or not."""
        length = self.explainer.representation(self.images.shape[-2:]).length
        rows = {}
        for share in shares:
            masks = torch.full((len(self.images), length), share)
            rows[f"{share:.0%}"] = {
                "clamped": float(self.distortion(masks, measure="l2").mean()),
                "not clamped": float(self.distortion(masks, measure="l2", clamp=False).mean()),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("kept of each coefficient")

    def single_draws(self, masks: Tensor, draws: int = 32) -> Tensor:
        """Distortion ``(N, draws)``, the l2 norm, by single draws of the noise."""
        seeds = range(self.seed + 1, self.seed + 1 + draws)
        found = [self.distortion(masks, measure="l2", draws=1, seed=seed) for seed in seeds]
        return torch.stack(found, dim=1)

    def empty(self, explanations: Explanation) -> pd.DataFrame:
        """Compare the loss of explanations with that of a mask that keeps nothing."""
        nothing = self.distortion(torch.zeros_like(explanations.mask))
        return pd.DataFrame(
            {
                "probability": explanations.probability,
                "loss": explanations.loss,
                "loss of the empty mask": nothing,
                "the empty mask is better": nothing < explanations.loss,
            }
        )

    def sweep(self, path: Sequence[Explanation]) -> pd.DataFrame:
        """Measure a path over lambda as the objective does, and as the published sweep does."""
        rows = {
            f"{float(step.lambda_k[0]):g}": {
                "squared change of the probability": float(step.distortion.mean()),
                "l2 norm, 64 draws": float(self.distortion(step.mask, measure="l2").mean()),
                "l2 norm, one draw": float(
                    self.distortion(step.mask, measure="l2", draws=1).mean()
                ),
            }
            for step in path
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("lambda")
