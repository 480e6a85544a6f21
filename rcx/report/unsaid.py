"""Measurements for the chapter on what the report did not say."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from rcx.classifiers.copies import inference_copy
from rcx.classifiers.profiles import VISION_TRANSFORMERS, ProfileName, load_profile
from rcx.explain.explainer import Explainer
from rcx.reference.photographs import photo_rows
from rcx.reference.published import published_predictions, read_table
from rcx.solver.distortion import DistortionMeasure

_BATCH = 8  # images that are classified together


def photo_normalisation_table() -> pd.DataFrame:
    """Load `normalisation_table` of the study's photographs, which comes with the package."""
    return read_table("measured", "normalisation.csv")


def photo_explanation_table(method: str = "CartoonX") -> pd.DataFrame:
    """Sum up a method's explanations of the study's photographs, which come with the package.

    Parameters
    ----------
    method : str
        Name of the method.

    Returns
    -------
    DataFrame
        A row for each classifier, size, kind of input and lambda. ``images`` is their number, and
        ``label lost`` the share of lost labels. ``empty mask as good`` is the share of images whose
        squared probability is below the loss: an empty mask, which moves the probability to about
        zero, is as good there. The last three columns are mean distortions.
    """
    rows = photo_rows("explanations", method=method, series=method)
    key = ["classifier", "normalize", "size", "seed", "lambda_k", "image"]
    # An explanation that was made along a path over lambda is left out if there is one that was
    # made alone.
    rows = rows.sort_values("on_path", kind="stable").drop_duplicates(key)
    rows = rows.assign(
        inputs=rows["normalize"].map({True: "normalised", False: "raw"}),
        lost=~rows["label_kept"].astype(bool),
        better=rows["probability"] ** 2 < rows["loss"],
    )
    groups = rows.groupby(["classifier", "size", "inputs", "lambda_k"], observed=True)
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
    return table.rename(columns=names)


@torch.no_grad()
def normalisation_table(profile: ProfileName, *, n_images: int, seed: int) -> pd.DataFrame:
    """Classify images with and without the normalisation that the classifiers were trained with.

    Parameters
    ----------
    profile, n_images, seed
        As for `rcx.classifiers.load_profile`.

    Returns
    -------
    DataFrame
        A row for each of the profile's classifiers, with and without normalisation: the share of
        right answers, the mean probability of the answers, and how many of them agree with the
        published predictions, if the images are the study's.
    """
    published = published_predictions().set_index("image")
    rows = []
    for column, classifier in {"cnn_256": None, "vit_224": VISION_TRANSFORMERS[profile]}.items():
        for normalize in (True, False):
            data = load_profile(
                profile, n_images=n_images, seed=seed, classifier=classifier, normalize=normalize
            )
            batches = torch.split(data.images, _BATCH)
            probabilities = torch.cat([data.classifier.probabilities(batch) for batch in batches])
            confidence, answers = probabilities.max(1)
            predictions = published[column].reindex(data.names).to_numpy()
            known = pd.notna(predictions)
            agreeing = (answers.numpy() == predictions)[known].sum()
            rows.append(
                {
                    "classifier": data.classifier.name,
                    "inputs": "normalised" if normalize else "raw, as published",
                    "right": float((answers == data.labels).double().mean()),
                    "probability": float(confidence.mean()),
                    "agrees with published": (
                        f"{agreeing} of {known.sum()}" if known.any() else "not its images"
                    ),
                }
            )
    return pd.DataFrame(rows).set_index(["classifier", "inputs"])


class MaskJudge:
    """Judge masks of N images under other conditions than those that they were made for.

    Parameters
    ----------
    explainer : Explainer
        Explainer whose representation and classifier are used.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    seed : int
        Seed of the noise.
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
        draws: int = 16,
        seed: int | None = None,
    ) -> Tensor:
        """Measure the distortion of masks of the predicted classes.

        Parameters
        ----------
        masks : Tensor
            ``(N, K)`` in [0, 1], a mask for each image.
        measure : str
            Measure of distortion, see `rcx.solver.distortion`.
        clamp : bool
            Whether obfuscated images are clamped to [0, 1].
        draws : int
            Number of noise samples.
        seed : int, optional
            Seed of the noise. By default, it is the seed of this object.

        Returns
        -------
        Tensor
            ``(N,)``, the means over the noise samples.
        """
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
        """Keep a share of each coefficient, with and without clamping to [0, 1] afterwards.

        Parameters
        ----------
        shares : sequence of float
            Shares in [0, 1].

        Returns
        -------
        DataFrame
            Mean distortion over the images, as the l2 norm, with a row for each share.
        """
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
        """Measure the distortion of masks ``(N, K)``, as the l2 norm, by single draws of the noise.

        Returns
        -------
        Tensor
            ``(N, draws)``.
        """
        seeds = range(self.seed + 1, self.seed + 1 + draws)
        return torch.stack(
            [self.distortion(masks, measure="l2", draws=1, seed=seed) for seed in seeds], dim=1
        )
