"""Loading of classifiers by name, or around a network of the user."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from rcx.classifiers.answers import Answer, AnswerKind
from rcx.classifiers.class_names import ClassNames
from rcx.classifiers.classifier import Classifier
from rcx.classifiers.structure import config_notes, unwrapped
from rcx.classifiers.weights import named_model

# What models of transformers call the kinds of answers.
_ANSWERS: dict[str, AnswerKind] = {
    "multi_label_classification": "sigmoid",
    "regression": "score",
}


def load_classifier(
    model: str | nn.Module,
    *,
    normalize: bool = True,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    class_names: ClassNames | None = None,
    input_size: int | None = None,
    answer: Answer = "softmax",
    scale: float | None = None,
    channels: int | None = None,
) -> Classifier:
    """Load a classifier by name, or wrap a network of the user.

    Parameters
    ----------
    model : str or nn.Module
        One of the following.

        - ``"torchvision/NAME"``: a classifier of torchvision with its default weights, such as
          ``"torchvision/mobilenet_v3_small"``.
        - ``"timm/NAME"``: a classifier of timm with pretrained weights, such as
          ``"timm/deit_tiny_patch16_224"``.
        - ``"packaged/efficientnet_lite0"``: a classifier of ImageNet that is installed with the
          package, so that nothing is downloaded.
        - ``"sample/cnn"`` or ``"sample/vit"``: one of two small classifiers of drawn scenes, which
          come with the package.
        - A module from images ``(N, C, H, W)`` to logits ``(N, classes)``. They may also stand in
          the attribute or the key ``logits`` of its output, as in the classifiers of transformers,
          or be the only tensor ``(N, M)`` in a tuple or a dict.
        - A `Classifier`, which is returned as it is.

        torchvision and timm download weights once and keep them. If the environment variable
        ``RCX_ASSETS`` names a folder, the file ``weights/torchvision/NAME.safetensors`` or, for
        timm, ``weights/NAME.safetensors`` in it takes the place of the download.
    normalize : bool
        Whether the model is given ``(images - mean) / std``. If False, it is given the images in
        [0, 1], whatever ``mean`` and ``std`` are.
    mean, std : sequence of float, optional
        Mean and standard deviation of each colour, or one value for all colours; give both or
        neither. By default, a named model has those of its library, and images are not normalised
        for a module.
    class_names : iterable of str or mapping, optional
        The names of the classes in the order of their indices, or by index, as in
        ``{0: "cat", 1: "dog"}``. By default, a named model has those of its library, and a module
        has those of its ``config``, as models of transformers, or none.
    input_size : int, optional
        Height and width in pixels that the model was made for. It serves messages and the choice of
        an image size, and does not change the model. By default, a named model has that of its
        library. For a module it is that of its ``config``, or unknown.
    answer : {"softmax", "sigmoid", "score"}, str or callable
        What the module's output means.

        - ``"softmax"``: logits of classes that exclude each other. If the module itself ends in a
          softmax, its probabilities are taken as they are.
        - ``"sigmoid"``: logits of labels of which several may hold. The one logit of a module for
          two classes is that of class 1. If the module itself ends in a sigmoid, its probabilities
          are taken as they are.
        - ``"score"``: numbers that stand for themselves, such as those of a regression.
        - A function from the module's output, whatever it is, to scores ``(N,)`` or ``(N, M)``; or
          its name as ``"module:function"`` or ``"file.py:function"``.
    scale : float, optional
        For scores only: the change of a score that has a relative distortion of 1, positive. By
        default, it is the size of the image's own score.
    channels : int, optional
        Number of channels of the images. By default, it is that of ``mean``, or else that of the
        module's first convolution, or else 3.

    Returns
    -------
    Classifier
        Named models are in eval mode. A module is used itself, not copied, and keeps its mode.

    Raises
    ------
    TypeError
        If ``model`` is neither a name nor a module, or ``class_names`` are no texts.
    ValueError
        If the name is unknown, in which case the message gives similar names; if ``mean``,
        ``std`` or other options do not fit, as `Classifier` says; or if ``model`` is a `Classifier`
        already and another option is given.
    WeightsUnavailableError
        If the weights are not on this machine and cannot be downloaded.
    WeightsError
        If the weights are damaged or belong to another model.
    """
    if isinstance(model, Classifier):
        options = (mean, std, class_names, input_size, scale, channels)
        changed = answer != "softmax" or (model.normalize and not normalize)
        if changed or any(option is not None for option in options):
            raise ValueError("this is a Classifier already: give its .model to wrap it anew")
        return model
    if isinstance(model, nn.Module):
        module = unwrapped(model)
        name, notes = type(module).__name__, config_notes(module)
        expected = _ANSWERS.get(notes.problem or "", answer)
        if answer == "softmax" and expected != answer:
            raise ValueError(f"{name} is for {notes.problem}: give answer={expected!r}")
        if class_names is None and answer in ("softmax", "sigmoid"):
            class_names = notes.class_names
        input_size = notes.input_size if input_size is None else input_size
    elif isinstance(model, str):
        named = named_model(model)
        # A library that downloads weights keeps them in torch's default type.
        name, module = model, named.model.float()
        if mean is None and std is None:
            mean, std = named.mean, named.std
        class_names = named.class_names if class_names is None else class_names
        input_size = named.input_size if input_size is None else input_size
    else:
        raise TypeError(f"model must be a name or a torch module, not a {type(model).__name__}")
    return Classifier(
        module,
        name=name,
        normalize=normalize,
        mean=mean,
        std=std,
        class_names=class_names,
        input_size=input_size,
        answer=answer,
        scale=scale,
        channels=channels,
    )
