"""Attention rollout against hand-computed cases, timm's own attention and the published tool."""

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from helpers import seeded, smooth_images, tiny_cnn
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from rcx.classifiers.answers import ClassifierError
from rcx.classifiers.loading import load_classifier
from rcx.evaluate.observed_transformer import ObservedTransformer
from rcx.evaluate.rollout import (
    HeadFusion,
    agreement,
    combine,
    patch_rollout,
    rollout,
    rollout_matrix,
)


def tiny_vit(seed: int = 0, **settings: Any) -> Any:
    """A transformer with random weights that are large enough for attention to differ."""
    options = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 2}
    return with_large_weights(VisionTransformer(num_classes=5, **(options | settings)), seed)


def with_large_weights(model: nn.Module, seed: int = 0) -> nn.Module:
    generator = seeded(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3, generator=generator)
            elif name.endswith("bias"):
                parameter.zero_()
    return model.eval()


IMAGES = smooth_images(3, (32, 32))


def one_head(*rows: list[float]) -> Tensor:
    return torch.tensor([[rows]], dtype=torch.float64)


def test_two_layers_of_two_tokens_by_hand() -> None:
    first = one_head([0.4, 0.6], [0.2, 0.8])
    second = one_head([0.5, 0.5], [1.0, 0.0])
    # (A + I) / 2 of each layer: [[.7, .3], [.1, .9]] and [[.75, .25], [.5, .5]]
    expected = [[0.75 * 0.7 + 0.25 * 0.1, 0.75 * 0.3 + 0.25 * 0.9], [0.4, 0.6]]
    result = combine([first, second], discard_ratio=0)
    torch.testing.assert_close(result, torch.tensor([expected], dtype=torch.float64))


def test_discarding_by_hand() -> None:
    layer = one_head([0.1, 0.2, 0.7], [0.05, 0.6, 0.35], [0.3, 0.45, 0.25])
    # a third of nine: 0.05 and 0.1 are attention to the class token and stay, 0.2 goes
    mixed = torch.tensor([[1.1, 0, 0.7], [0.05, 1.6, 0.35], [0.3, 0.45, 1.25]], dtype=torch.float64)
    expected = mixed / torch.tensor([[1.8], [2.0], [2.0]], dtype=torch.float64)
    torch.testing.assert_close(combine([layer], discard_ratio=1 / 3)[0], expected)


def test_publication_divides_columns_and_saves_one_entry_by_hand() -> None:
    layer = one_head([0.1, 0.2, 0.7], [0.05, 0.6, 0.35], [0.3, 0.45, 0.25])
    mixed = torch.tensor([[1.1, 0, 0.7], [0, 1.6, 0.35], [0.3, 0.45, 1.25]], dtype=torch.float64)
    expected = mixed / torch.tensor([1.8, 1.95, 2.0], dtype=torch.float64)
    result = combine([layer], discard_ratio=1 / 3, as_published=True)[0]
    torch.testing.assert_close(result, expected)
    assert (result.sum(-1) - 1).abs().max() > 0.01


@pytest.mark.parametrize(
    ("fuse", "expected"),
    [
        ("mean", [[0.5, 0.5], [0.3, 0.7]]),
        ("max", [[0.8, 0.8], [0.5, 0.9]]),
        ("min", [[0.2, 0.2], [0.1, 0.5]]),
    ],
)
def test_heads_are_fused_by_hand(fuse: HeadFusion, expected: list[list[float]]) -> None:
    heads = torch.tensor([[[[0.2, 0.8], [0.1, 0.9]], [[0.8, 0.2], [0.5, 0.5]]]])
    mixed = torch.tensor([expected]) + torch.eye(2)
    result = combine([heads], fuse=fuse, discard_ratio=0)
    torch.testing.assert_close(result, mixed / mixed.sum(-1, keepdim=True))


@pytest.mark.parametrize("ratio", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("fuse", ["mean", "max", "min"])
def test_rows_sum_to_one(fuse: HeadFusion, ratio: float) -> None:
    matrix = rollout_matrix(tiny_vit(), IMAGES, fuse=fuse, discard_ratio=ratio)
    assert matrix.shape == (3, 17, 17)
    torch.testing.assert_close(matrix.sum(-1), torch.ones(3, 17))


def test_attention_is_timms_own_with_fused_attention_on_and_off() -> None:
    model = tiny_vit(qk_norm=True)
    expected: list[Tensor] = []
    for block in model.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda *call: expected.append(call[-1]))
    with torch.no_grad():
        model(IMAGES)
    for fused in (True, False):
        other = tiny_vit(qk_norm=True)
        for block in other.blocks:
            block.attn.fused_attn = fused
        seen = ObservedTransformer(other, IMAGES).attention(IMAGES)
        assert len(seen) == len(expected) == 3
        for layer, reference in zip(seen, expected, strict=True):
            torch.testing.assert_close(layer, reference)


def test_attention_is_the_softmax_of_queries_and_keys() -> None:
    model = tiny_vit(depth=1)
    with torch.no_grad():
        block = model.blocks[0]
        tokens = block.norm1(model.norm_pre(model._pos_embed(model.patch_embed(IMAGES))))
        projected = block.attn.qkv(tokens).reshape(3, 17, 3, 2, 12)
        queries, keys = projected[:, :, 0].transpose(1, 2), projected[:, :, 1].transpose(1, 2)
        expected = torch.softmax(queries @ keys.mT / 12**0.5, -1)
    torch.testing.assert_close(ObservedTransformer(model, IMAGES).attention(IMAGES)[0], expected)


def _published_tool(attentions: list[Tensor], discard_ratio: float) -> Tensor:
    """Map of one image as the published study's tool makes it, written anew."""
    tokens = attentions[0].shape[-1]
    product = torch.eye(tokens)
    for layer in attentions:
        fused = layer.mean(1)[0]
        order = fused.flatten().argsort()[: int(discard_ratio * tokens**2)]
        for index in order.tolist():
            if index != 0:
                fused[index // tokens, index % tokens] = 0
        step = (fused + torch.eye(tokens)) / 2
        product = step / step.sum(-1) @ product
    patches = product[0, 1:]
    return (patches / patches.max()).view(4, 4)


def test_as_published_is_the_published_tool() -> None:
    model = tiny_vit()
    maps = patch_rollout(model, IMAGES, discard_ratio=0.7, as_published=True)
    observed = ObservedTransformer(model, IMAGES)
    for image, relevance in zip(IMAGES, maps, strict=True):
        expected = _published_tool(observed.attention(image[None]), 0.7)
        torch.testing.assert_close(relevance, expected)
    assert (maps - patch_rollout(model, IMAGES, discard_ratio=0.7)).abs().max() > 1e-3


@pytest.mark.parametrize("as_published", [False, True])
def test_a_batch_is_its_images(as_published: bool) -> None:
    model, images = tiny_vit(), smooth_images(11, (32, 32))
    together = rollout(model, images, as_published=as_published)
    alone = torch.cat([rollout(model, image[None], as_published=as_published) for image in images])
    torch.testing.assert_close(together, alone)


def test_map_is_the_class_tokens_row_between_zero_and_one() -> None:
    model = tiny_vit()
    row = rollout_matrix(model, IMAGES, discard_ratio=0.5)[:, 0, 1:].view(3, 4, 4)
    patches = patch_rollout(model, IMAGES, discard_ratio=0.5)
    torch.testing.assert_close(patches, row / row.amax((1, 2), keepdim=True))
    relevance = rollout(model, IMAGES, discard_ratio=0.5)
    assert relevance.shape == (3, 32, 32)
    assert relevance.min() >= 0
    assert relevance.max() <= 1
    corners = relevance[:, ::31, ::31]  # beyond the patches' centres nothing is interpolated
    torch.testing.assert_close(corners, patches[:, ::3, ::3])


def test_map_is_zero_where_all_attention_to_patches_is_discarded() -> None:
    relevance = rollout(tiny_vit(), IMAGES, discard_ratio=0.995)
    assert relevance.isfinite().all()
    assert (relevance.amax((1, 2)) == 0).any()


def test_image_need_not_be_square() -> None:
    model = tiny_vit(img_size=(32, 48))
    images = smooth_images(2, (32, 48))
    assert patch_rollout(model, images).shape == (2, 4, 6)
    assert rollout(model, images).shape == (2, 32, 48)


def test_distilled_model_reads_both_of_its_tokens() -> None:
    model = with_large_weights(
        timm.create_model("deit_tiny_distilled_patch16_224", num_classes=5, depth=2)
    )
    images = smooth_images(2, (224, 224))
    matrix = rollout_matrix(model, images)
    assert matrix.shape == (2, 198, 198)
    torch.testing.assert_close(matrix.sum(-1), torch.ones(2, 198))
    read = matrix[:, :2, 2:].mean(1)
    expected = (read / read.amax(1, keepdim=True)).view(2, 14, 14)
    torch.testing.assert_close(patch_rollout(model, images), expected)


def test_registers_are_no_patches() -> None:
    model = tiny_vit(reg_tokens=3)
    matrix = rollout_matrix(model, IMAGES)
    row = matrix[:, 0, 4:].view(3, 4, 4)
    assert matrix.shape == (3, 20, 20)
    torch.testing.assert_close(patch_rollout(model, IMAGES), row / row.amax((1, 2), keepdim=True))


def test_without_class_token_the_head_reads_all_patches() -> None:
    model = tiny_vit(class_token=False, global_pool="avg")
    mean = rollout_matrix(model, IMAGES).mean(1).view(3, 4, 4)
    torch.testing.assert_close(patch_rollout(model, IMAGES), mean / mean.amax((1, 2), keepdim=True))


def test_transformer_of_another_family() -> None:
    model = with_large_weights(
        timm.create_model("eva02_tiny_patch14_224", img_size=56, depth=2, num_classes=3)
    )
    matrix = rollout_matrix(model, smooth_images(1, (56, 56)))
    torch.testing.assert_close(matrix.sum(-1), torch.ones(1, 17))


def test_the_samples_transformer_by_name() -> None:
    relevance = rollout("sample/vit", smooth_images(2, (128, 128)))
    assert relevance.shape == (2, 128, 128)
    assert (relevance.amax((1, 2)) > 0.5).all()


class _Failing(nn.Module):
    """A transformer in a wrapper, whose head raises or returns NaN."""

    def __init__(self, head: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.transformer, self.head = tiny_vit(), head

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.transformer(images))


def _state(model: nn.Module) -> list[tuple[bool, int, bool | None]]:
    return [
        (module.training, len(module._forward_hooks), getattr(module, "fused_attn", None))
        for module in model.modules()
    ]


def _failure(logits: Tensor) -> Tensor:
    raise RuntimeError("out of order")


@pytest.mark.parametrize("head", [lambda logits: logits, _failure], ids=["well", "failing"])
def test_the_model_comes_back_as_it_was(head: Callable[[Tensor], Tensor]) -> None:
    model = _Failing(head).train()
    model.transformer.blocks[1].eval()
    before = _state(model)
    if head is _failure:
        with pytest.raises(ClassifierError, match="out of order"):
            rollout(model, IMAGES)
    else:
        rollout(model, IMAGES)
    assert _state(model) == before
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (tiny_cnn(), "no vision transformer of timm"),
        (tiny_vit(class_token=False, global_pool="map"), "'map' pooling"),
        (
            timm.create_model("cait_xxs24_224", img_size=32, depth=1, num_classes=3),
            "attention has the shape",
        ),
    ],
    ids=["cnn", "pooling", "talking heads"],
)
def test_model_without_such_attention_is_named(model: nn.Module, reason: str) -> None:
    with pytest.raises(ClassifierError, match=f"{type(model).__name__} is not .*{reason}"):
        rollout(model, IMAGES)


def test_attention_that_is_not_finite_is_named() -> None:
    model = tiny_vit()
    with torch.no_grad():
        model.blocks[0].attn.qkv.weight[0] = torch.nan
    with pytest.raises(ClassifierError, match="attention of VisionTransformer is NaN"):
        rollout(model, IMAGES)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fuse": "median"}, "fuse must be one of mean, max, min"),
        ({"discard_ratio": 1.0}, "discard_ratio"),
        ({"discard_ratio": -0.1}, "discard_ratio"),
        ({"discard_ratio": float("nan")}, "discard_ratio"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rollout(tiny_vit(), IMAGES, **settings)
    with pytest.raises(ValueError, match=message):
        combine([torch.eye(2)[None, None]], **settings)


def test_bad_images() -> None:
    with pytest.raises(TypeError, match="float tensor"):
        rollout(tiny_vit(), IMAGES[0])
    with pytest.raises(TypeError, match="float tensor"):
        rollout(tiny_vit(), (IMAGES * 255).byte())
    with pytest.raises(ValueError, match="no image"):
        rollout(tiny_vit(), IMAGES[:0])
    with pytest.raises(ClassifierError, match="made for 32x32"):
        rollout(load_classifier(tiny_vit(), input_size=32), smooth_images(1, (48, 48)))
    with pytest.raises(ValueError, match="no layer"):
        combine([])


def test_agreement_is_the_rank_correlation_over_patches() -> None:
    patches = torch.tensor([[[0.1, 0.2], [0.3, 1.0]]]).repeat(4, 1, 1)
    pictures = patches.repeat_interleave(5, 1).repeat_interleave(3, 2)
    pictures[1] = 1 - pictures[1] ** 2  # falls where the patches rise
    pictures[2] = 0.5
    pictures[3, :, :3] = pictures[3, :, :3].flip(0)  # 0.3, 0.2, 0.1, 1
    correlations = agreement(pictures[:, None], patches)
    expected = torch.tensor([1.0, -1.0, torch.nan, 0.2])
    torch.testing.assert_close(correlations.float(), expected, equal_nan=True)
    torch.testing.assert_close(agreement(pictures, patches), correlations, equal_nan=True)
    with pytest.raises(ValueError, match="as many"):
        agreement(pictures[:2], patches)
