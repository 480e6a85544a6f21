"""Classifiers hold their preprocessing, leave the user's model alone, and say what is wrong."""

import hashlib
import http.server
import os
import pickle
import re
import threading
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import nn

from rcx.classifiers.classifier import (
    Classifier,
    ClassifierError,
    checked_logits,
    inference_copy,
)
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.weights import WeightsError, WeightsUnavailableError
from rcx.images.imagenet import imagenet_class_names, imagenet_index, study_images
from rcx.images.reading import load_images

TIMM = "test_vit"  # timm's own models for tests: 0.4 million parameters
VISION = "squeezenet1_1"


def images(n=2, size=32, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


def small(**options):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 5),
    )
    return Classifier(used(model), name="small", **options)


def used(model):
    """Give batch norms the statistics of a model that has seen data."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias, std=0.1)
    return model.eval()


def norms(model):
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


class TestPreprocessing:
    def test_normalisation_is_inside(self):
        mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
        classifier = small(mean=mean, std=std)
        normalised = torchvision.transforms.functional.normalize(images(), mean, std)
        torch.testing.assert_close(classifier(images()), classifier.model(normalised))

    def test_and_can_be_switched_off(self):
        classifier = small(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), normalize=False)
        assert classifier.mean is classifier.std is None
        assert torch.equal(classifier(images()), classifier.model(images()))

    def test_a_module_of_ones_own_gets_the_images_as_they_are(self):
        model = small().model
        classifier = load_classifier(model)
        assert not classifier.normalize
        assert classifier.model is model
        assert torch.equal(classifier(images()), model(images()))

    def test_a_module_of_ones_own_with_its_normalisation(self):
        model = small().model
        classifier = load_classifier(model, mean=[0.5], std=[0.5], class_names="abcde")
        torch.testing.assert_close(classifier(images()), model(2 * images() - 1))
        assert classifier.label(1) == "b"

    def test_a_model_moved_to_another_type_still_works(self):
        classifier = small(mean=[0.5], std=[0.5])
        classifier.model.double()
        assert classifier(images().double()).dtype == torch.float64

    def test_a_classifier_comes_back_as_it_is(self):
        classifier = small(mean=[0.5], std=[0.5])
        assert load_classifier(classifier) is classifier
        for override in ({"mean": [0.1]}, {"input_size": 3}, {"normalize": False}):
            with pytest.raises(ValueError, match="Classifier already"):
                load_classifier(classifier, **override)

    @pytest.mark.parametrize(
        ("mean", "std", "message"),
        [
            ([0.5], None, "belong together"),
            ([0.5], [0.0], "std must be positive"),
            ([float("nan")], [1.0], "finite"),
            ([], [], "finite"),
        ],
    )
    def test_nonsense_normalisation(self, mean, std, message):
        with pytest.raises(ValueError, match=message):
            small(mean=mean, std=std)

    def test_neither_name_nor_module(self):
        with pytest.raises(TypeError, match="name or a torch module, not a int"):
            load_classifier(3)

    def test_probabilities(self):
        probabilities = small().probabilities(images(3))
        torch.testing.assert_close(probabilities.sum(dim=-1), torch.ones(3))

    def test_labels_without_names(self):
        assert small().label(7) == "class 7"


class TestHash:
    def test_same_weights_same_hash(self):
        one, other = small(), small(mean=[0.5], std=[0.5])
        assert re.fullmatch("[0-9a-f]{64}", one.weights_hash)
        assert one.weights_hash == other.weights_hash

    def test_training_changes_it(self):
        classifier = small()
        before = classifier.weights_hash
        assert classifier.weights_hash == before
        optimiser = torch.optim.SGD(classifier.parameters(), lr=0.1)
        classifier(images()).sum().backward()
        optimiser.step()
        assert classifier.weights_hash != before

    def test_the_copy_keeps_it(self):
        classifier = small()
        assert inference_copy(classifier).weights_hash == classifier.weights_hash


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda x: (x.mean((-2, -1)),), "a tuple"),
            (lambda x: {"logits": x.mean((-2, -1))}, "a dict"),
            (lambda x: x, r"a tensor of shape \(2, 3, 32, 32\)"),
            (lambda x: x.mean((1, 2, 3)), r"a tensor of shape \(2,\)"),
            (lambda x: x.mean((-2, -1))[:1], r"a tensor of shape \(1, 3\)"),
        ],
    )
    def test_what_is_no_logits(self, answer, message):
        class Model(nn.Module):
            def forward(self, x):
                return answer(x)

        with pytest.raises(TypeError, match=rf"Model must return logits \(2, classes\).*{message}"):
            checked_logits(load_classifier(Model()), images())

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_not_finite(self, value):
        batch = images(4)
        batch[2, 0, 0, 0] = value
        classifier = load_classifier(nn.Sequential(nn.AvgPool2d(32), nn.Flatten()))
        with pytest.raises(ClassifierError, match="NaN or infinite logits for image 2"):
            checked_logits(classifier, batch)
        assert torch.equal(checked_logits(classifier, images()), classifier(images()))

    def test_no_batch(self):
        with pytest.raises(TypeError, match=r"\(N, C, H, W\), not a tensor of shape \(3, 32, 32\)"):
            small()(images()[0])

    def test_wrong_size_for_a_vit(self):
        model = timm.create_model("deit_tiny_patch16_224", depth=1)
        classifier = load_classifier(model, input_size=224)
        assert checked_logits(classifier, images(size=224)).shape == (2, 1000)
        with pytest.raises(ClassifierError, match=r"cannot take 96x96 images.*made for 224x224"):
            checked_logits(classifier, images(size=96))

    def test_an_error_of_the_models_own_is_not_hidden(self):
        with pytest.raises(RuntimeError, match="channels"):
            load_classifier(nn.Conv2d(1, 1, 1))(images())


def state(model):
    """Everything about a model that a caller could find changed."""
    return {
        "modes": [module.training for module in model.modules()],
        "grads": [(p.requires_grad, p.grad) for p in model.parameters()],
        "tensors": {key: value.clone() for key, value in model.state_dict().items()},
        "hooks": [
            (list(m._forward_hooks.values()), list(m._forward_pre_hooks.values()))
            for m in model.modules()
        ],
        "ids": [id(module) for module in model.modules()],
    }


class TestInferenceCopy:
    @pytest.mark.parametrize("training", [True, False])
    def test_the_users_model_is_left_alone(self, training):
        model = small().model.train(training)
        model[0].weight.requires_grad_(False)
        model[2].register_forward_hook(lambda *_: None)
        before = state(model)
        frozen = inference_copy(load_classifier(model))
        frozen(images().requires_grad_()).sum().backward()
        after = state(model)
        torch.testing.assert_close(after.pop("tensors"), before.pop("tensors"), rtol=0, atol=0)
        assert after == before

    def test_random_state_is_left_alone(self):
        classifier = small()
        before = torch.get_rng_state()
        inference_copy(classifier)
        assert torch.equal(torch.get_rng_state(), before)

    def test_gradients_reach_the_images_only(self):
        frozen = inference_copy(small())
        batch = images().requires_grad_()
        frozen(batch).sum().backward()
        assert batch.grad.abs().sum() > 0
        assert not frozen.training
        assert all(not p.requires_grad and p.grad is None for p in frozen.parameters())

    @pytest.mark.parametrize(
        ("make", "left"),
        [
            (lambda: torchvision.models.mobilenet_v3_small(), 0),
            (lambda: torchvision.models.resnet18(), 0),
            (lambda: torchvision.models.densenet121(), 62),  # its other norms precede their convs
            (lambda: timm.create_model("mobilenetv3_small_050"), 0),
            (lambda: timm.create_model("tf_mobilenetv3_small_100"), 0),
            (lambda: timm.create_model("test_efficientnet"), 0),
        ],
    )
    def test_folding_keeps_the_answers(self, make, left):
        classifier = load_classifier(used(make()), mean=[0.4], std=[0.3])
        frozen = inference_copy(classifier, example=images(1, 64))
        assert norms(classifier) > left
        assert norms(frozen) == left
        with torch.no_grad():
            expected, answer = classifier(images(2, 64, seed=3)), frozen(images(2, 64, seed=3))
        torch.testing.assert_close(
            answer, expected, rtol=0, atol=1e-4 * float(expected.abs().max())
        )

    def test_a_model_that_cannot_be_copied(self):
        model = small().model
        model.cache = model[0].weight * 2  # no leaf: torch refuses to copy it
        with pytest.raises(TypeError, match=r"Sequential cannot be copied.*state_dict"):
            inference_copy(load_classifier(model))

    def test_a_model_that_cannot_be_tried_is_still_copied(self):
        frozen = inference_copy(small(input_size=1))
        assert norms(frozen) == 1
        torch.testing.assert_close(frozen(images()), small()(images()))


class Network(nn.Module):
    """Convolution, batch norm and a head; subclasses connect the first two in tricky ways."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.act = nn.ReLU(inplace=True)

    def features(self, x):
        return self.norm(self.conv(x))

    def forward(self, x):
        return self.features(x).mean((-2, -1))


class ActivationBetween(Network):
    def features(self, x):
        return self.norm(self.act(self.conv(x)))


class ConvTwice(Network):
    def features(self, x):
        return self.norm(self.conv(self.conv(x)))


class NormTwice(Network):
    def features(self, x):
        return self.norm(self.norm(self.conv(x)))


class ResidualTap(Network):
    def features(self, x):
        y = self.conv(x)
        return self.norm(y) + y


class Hooked(Network):
    def __init__(self):
        super().__init__()
        self.conv.register_forward_hook(lambda module, args, output: output.sin())


class OwnForward(Network):
    def __init__(self):
        super().__init__()

        class Standardised(nn.Conv2d):
            def forward(self, x):
                return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)

        self.conv = Standardised(3, 3, 3)


class Noisy(Network):
    def features(self, x):
        return super().features(x) + torch.rand(())


class WithoutStatistics(Network):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3, track_running_stats=False)


class TestFolding:
    def test_the_plain_one_is_folded(self):
        assert norms(inference_copy(load_classifier(used(Network())))) == 0

    def test_a_norm_known_by_two_names(self):
        model = used(Network())
        model.alias = model.norm
        assert norms(inference_copy(load_classifier(model))) == 0

    @pytest.mark.parametrize(
        "network", [ActivationBetween, ConvTwice, NormTwice, ResidualTap, Hooked, OwnForward, Noisy]
    )
    def test_tricky_ones_are_left(self, network):
        classifier = load_classifier(used(network()))
        frozen = inference_copy(classifier)
        assert norms(frozen) == 1
        torch.manual_seed(0)
        expected = classifier(images())
        torch.manual_seed(0)
        torch.testing.assert_close(frozen(images()), expected)

    def test_without_statistics(self):
        torch.manual_seed(0)
        classifier = load_classifier(WithoutStatistics().eval())
        frozen = inference_copy(classifier)
        torch.testing.assert_close(frozen(images()), classifier(images()))


class TestNames:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("torchvision/mobilenet_v3_smal", "mean torchvision/mobilenet_v3_small?"),
            ("torchvision/fasterrcnn_resnet50_fpn", "unknown model"),
            ("timm/deit_tiny", "timm/deit_tiny_patch16_224"),
            ("timm/deit_tiny_patch16_224.nope", "timm/deit_tiny_patch16_224.fb_in1k"),
            ("resnet18", "mean torchvision/resnet18 or timm/resnet18"),
            ("keras/resnet18", "unknown model source"),
            ("sample/resnet", "sample/cnn or sample/vit"),
            ("timm/", "unknown model"),
            ("", "unknown model source"),
        ],
    )
    def test_unknown(self, name, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            load_classifier(name)

    @pytest.mark.parametrize(
        "escape", ["../secret", "../../x", f"{TIMM}.../../secret", f"{TIMM}/../../secret", "/etc/x"]
    )
    def test_cannot_leave_the_weights_folder(self, monkeypatch, tmp_path, escape):
        (tmp_path / "assets" / "weights").mkdir(parents=True)
        save_file(timm.create_model(TIMM).state_dict(), tmp_path / "assets" / "secret.safetensors")
        monkeypatch.setenv("RCX_ASSETS", str(tmp_path / "assets"))
        with pytest.raises(ValueError, match="unknown model"):
            load_classifier(f"timm/{escape}")

    def test_imagenet(self):
        assert imagenet_index("n01440764") == 0
        assert imagenet_index("n13040303") == 994
        assert len(set(imagenet_class_names())) == 1000
        assert imagenet_class_names()[9] == "ostrich"
        with pytest.raises(ValueError, match="'n1' is not the WordNet id"):
            imagenet_index("n1")

    @pytest.mark.parametrize("name", ["cnn", "vit"])
    def test_sample(self, name):
        from rcx.classifiers.sample import SAMPLE_MEAN
        from rcx.images.scenes import SAMPLE_CLASSES, SAMPLE_SIZE

        classifier = load_classifier(f"sample/{name}")
        assert checked_logits(classifier, images(2, SAMPLE_SIZE)).shape == (2, len(SAMPLE_CLASSES))
        assert classifier.class_names == tuple(SAMPLE_CLASSES)
        torch.testing.assert_close(classifier.mean.flatten(), torch.tensor(SAMPLE_MEAN))


class TestAssetFiles:
    @pytest.fixture
    def file(self, monkeypatch, tmp_path):
        monkeypatch.setenv("RCX_ASSETS", str(tmp_path))
        (tmp_path / "weights").mkdir()
        return tmp_path / "weights" / f"{TIMM}.safetensors"

    def test_are_read_before_any_download(self, file):
        model = timm.create_model(TIMM).eval()
        save_file(model.state_dict(), file)
        classifier = load_classifier(f"timm/{TIMM}")
        assert not classifier.training
        assert classifier.input_size == 160
        assert classifier.label(1) == "goldfish"
        normalised = (images(2, 160) - classifier.mean) / classifier.std
        torch.testing.assert_close(classifier(images(2, 160)), model(normalised))
        raw = load_classifier(f"timm/{TIMM}", normalize=False)
        torch.testing.assert_close(raw(images(2, 160)), model(images(2, 160)))

    def test_batch_counters_may_be_missing(self, file):
        weights = timm.create_model("test_resnet").state_dict()
        kept = {k: v for k, v in weights.items() if not k.endswith("num_batches_tracked")}
        assert len(kept) < len(weights)
        save_file(kept, file.with_name("test_resnet.safetensors"))
        assert load_classifier("timm/test_resnet").name == "timm/test_resnet"

    def test_of_another_model(self, file):
        weights = timm.create_model(TIMM).state_dict()
        weights["head.extra"] = weights.pop("head.bias")
        save_file(weights, file)
        with pytest.raises(WeightsError, match=r"missing head\.bias, unexpected head\.extra"):
            load_classifier(f"timm/{TIMM}")

    def test_of_another_shape(self, file):
        save_file(timm.create_model(TIMM, num_classes=7).state_dict(), file)
        with pytest.raises(WeightsError, match=r"does not fit the model: .*head\.bias"):
            load_classifier(f"timm/{TIMM}")

    def test_damaged(self, file):
        file.write_bytes(b"not safetensors")
        with pytest.raises(WeightsError, match=r"test_vit\.safetensors cannot be read"):
            load_classifier(f"timm/{TIMM}")

    def test_torchvisions_are_read_before_any_download(self, file):
        model = torchvision.models.get_model(VISION).eval()
        file = file.parent / "torchvision" / f"{VISION}.safetensors"
        file.parent.mkdir()
        save_file(model.state_dict(), file)
        classifier = load_classifier(f"torchvision/{VISION}")
        assert not classifier.training
        assert classifier.input_size == 224
        assert classifier.label(9) == "ostrich"
        normalised = (images(1, 64) - classifier.mean) / classifier.std
        torch.testing.assert_close(classifier(images(1, 64)), model(normalised))
        file.write_bytes(b"not safetensors")
        with pytest.raises(WeightsError, match="cannot be read"):
            load_classifier(f"torchvision/{VISION}")

    @pytest.mark.slow
    def test_networks_that_torchvision_builds_in_its_own_way(self, file):
        options = {"aux_logits": True, "transform_input": True, "init_weights": False}
        model = torchvision.models.googlenet(weights=None, **options).eval()
        file = file.parent / "torchvision" / "googlenet.safetensors"
        file.parent.mkdir()
        save_file(model.state_dict(), file)
        classifier = load_classifier("torchvision/googlenet")
        normalised = (images(1, 64) - classifier.mean) / classifier.std
        torch.testing.assert_close(classifier(images(1, 64)), model(normalised))


@pytest.fixture
def server(tmp_path):
    """A web server on this machine: answers[path] = bytes; GET and HEAD."""
    answers = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = answers.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            # What the Hugging Face hub tells about a file.
            self.send_header("ETag", f'"{hashlib.sha256(body or b"").hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.end_headers()
            if self.command == "GET" and body:
                self.wfile.write(body)

        def do_HEAD(self):
            self.do_GET()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.answers = answers
        running.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there


class TestTorchvisionDownload:
    @pytest.fixture(autouse=True)
    def cache(self, monkeypatch, tmp_path):
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        self.weights = torchvision.models.get_model_weights(VISION).DEFAULT
        self.monkeypatch = monkeypatch

    def publish(self, server, body):
        """Put the weights on the server under a name that holds their hash, as torch wants."""
        file = f"/{VISION}-{hashlib.sha256(body).hexdigest()[:8]}.pth"
        server.answers[file] = body
        self.monkeypatch.setattr(self.weights.value, "url", server.url + file)
        return file

    def test_downloads_once(self, server, tmp_path):
        model = torchvision.models.get_model(VISION).eval()
        torch.save(model.state_dict(), tmp_path / "weights.pth")
        self.publish(server, (tmp_path / "weights.pth").read_bytes())
        classifier = load_classifier(f"torchvision/{VISION}")
        assert classifier.input_size == 224
        assert classifier.label(9) == "ostrich"
        normalised = (images(1, 64) - classifier.mean) / classifier.std
        torch.testing.assert_close(classifier(images(1, 64)), model(normalised))
        server.answers.clear()
        assert load_classifier(f"torchvision/{VISION}").weights_hash == classifier.weights_hash

    def test_unreachable(self):
        self.monkeypatch.setattr(self.weights.value, "url", f"{NOBODY}/x-00000000.pth")
        with pytest.raises(WeightsUnavailableError, match="connect to the network once") as caught:
            load_classifier(f"torchvision/{VISION}")
        assert f"{NOBODY}/x-00000000.pth" in str(caught.value)
        assert "$RCX_ASSETS/weights" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value.__cause__, OSError)

    def test_not_found(self, server):
        server.answers.pop(self.publish(server, b"gone"))
        with pytest.raises(WeightsUnavailableError):
            load_classifier(f"torchvision/{VISION}")

    def test_never_runs_what_a_pickle_says(self, server, tmp_path):
        class Touch:
            def __reduce__(self):
                return Path.touch, (tmp_path / "touched",)

        self.publish(server, pickle.dumps(Touch(), protocol=2))
        with pytest.raises(WeightsError, match="damaged"):
            load_classifier(f"torchvision/{VISION}")
        assert not (tmp_path / "touched").exists()

    def test_damaged_on_the_way(self, server):
        file = self.publish(server, b"whole")
        server.answers[file] = b"other"
        with pytest.raises(WeightsError, match="damaged"):
            load_classifier(f"torchvision/{VISION}")


class TestHubDownload:
    @pytest.fixture(autouse=True)
    def cache(self, monkeypatch, tmp_path):
        monkeypatch.delenv("RCX_ASSETS", raising=False)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        self.repository = timm.get_pretrained_cfg(TIMM).hf_hub_id
        self.monkeypatch = monkeypatch

    def reach(self, url):
        constants = huggingface_hub.constants
        template = url + constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
        self.monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        self.monkeypatch.setattr(constants, "ENDPOINT", url)

    def test_downloads_once(self, server, tmp_path):
        self.reach(server.url)
        model = timm.create_model(TIMM).eval()
        save_file(model.state_dict(), tmp_path / "weights.safetensors")
        body = (tmp_path / "weights.safetensors").read_bytes()
        server.answers[f"/{self.repository}/resolve/main/model.safetensors"] = body
        classifier = load_classifier(f"timm/{TIMM}")
        for key, value in load_file(tmp_path / "weights.safetensors").items():
            assert torch.equal(classifier.model.state_dict()[key], value)
        self.reach(NOBODY)
        assert load_classifier(f"timm/{TIMM}").weights_hash == classifier.weights_hash

    def test_unreachable(self):
        self.reach(NOBODY)
        with pytest.raises(WeightsUnavailableError, match="connect to the network once") as caught:
            load_classifier(f"timm/{TIMM}")
        assert self.repository in str(caught.value)
        assert f"put {TIMM}.safetensors under $RCX_ASSETS/weights" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ is not None

    def test_never_published(self):
        with pytest.raises(WeightsError, match=r"no weights.*put .* under"):
            load_classifier("timm/vit_base_patch32_plus_256")


@pytest.mark.assets
@pytest.mark.skipif("RCX_ASSETS" not in os.environ, reason="RCX_ASSETS is not set")
class TestRealModels:
    NAMES = ("timm/tf_mobilenetv3_small_100", "timm/deit_tiny_patch16_224")

    @pytest.mark.parametrize(("name", "size"), [(NAMES[0], 256), (NAMES[1], 224)])
    def test_recognise_the_studys_images(self, name, size):
        classifier = load_classifier(name)
        chosen = study_images()[::10]
        batch = load_images([path for path, _ in chosen], size)
        labels = torch.tensor([label for _, label in chosen])
        with torch.no_grad():
            expected = checked_logits(classifier, batch)
            answer = checked_logits(inference_copy(classifier), batch)
        # Both are right on three of four of the hundred.
        assert (expected.argmax(-1) == labels).sum() >= 6
        torch.testing.assert_close(answer, expected, rtol=0, atol=1e-3)

    def test_the_copy_has_no_batch_norms_left(self):
        assert norms(inference_copy(load_classifier(self.NAMES[0]))) == 0
