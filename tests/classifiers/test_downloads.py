"""Weights that are downloaded: once, only whole, and without running what a pickle says."""

import hashlib
import http.server
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
import torchvision
from networks import normalise, random_images
from safetensors.torch import load_file, save_file

from rcx.classifiers.loading import load_classifier
from rcx.classifiers.weights import WeightsError, WeightsUnavailableError

TIMM = "test_vit"  # one of timm's models for tests, with 0.4 million parameters
VISION = "squeezenet1_1"


class Server(http.server.ThreadingHTTPServer):
    """A web server on this machine that answers GET and HEAD."""

    def __init__(self, handler: type[http.server.BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.answers: dict[str, bytes] = {}
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.server.answers.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        # The Hugging Face hub sends these headers with a file.
        self.send_header("ETag", f'"{hashlib.sha256(body or b"").hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        if self.command == "GET" and body:
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


NOBODY = "http://127.0.0.1:9"  # the discard port, at which nothing listens


class TestTorchvisionDownload:
    @pytest.fixture(autouse=True)
    def cache(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        self.weights = torchvision.models.get_model_weights(VISION).DEFAULT
        self.monkeypatch = monkeypatch

    def publish(self, server: Server, body: bytes) -> str:
        """Put the weights on the server under a name that holds their hash, as torch wants."""
        file = f"/{VISION}-{hashlib.sha256(body).hexdigest()[:8]}.pth"
        server.answers[file] = body
        self.monkeypatch.setattr(self.weights.value, "url", server.url + file)
        return file

    def test_downloads_once(self, server: Server, tmp_path: Path) -> None:
        model = torchvision.models.get_model(VISION).eval()
        torch.save(model.state_dict(), tmp_path / "weights.pth")
        self.publish(server, (tmp_path / "weights.pth").read_bytes())
        classifier = load_classifier(f"torchvision/{VISION}")
        assert classifier.input_size == 224
        assert classifier.label(9) == "ostrich"
        normalised = normalise(classifier, random_images(1, 64))
        torch.testing.assert_close(classifier(random_images(1, 64)), model(normalised))
        server.answers.clear()
        assert load_classifier(f"torchvision/{VISION}").weights_hash == classifier.weights_hash

    def test_unreachable(self) -> None:
        self.monkeypatch.setattr(self.weights.value, "url", f"{NOBODY}/x-00000000.pth")
        with pytest.raises(WeightsUnavailableError, match="connect to the network once") as raised:
            load_classifier(f"torchvision/{VISION}")
        assert f"{NOBODY}/x-00000000.pth" in str(raised.value)
        assert "$RCX_ASSETS/weights" in str(raised.value)
        assert "\n" not in str(raised.value)
        assert isinstance(raised.value.__cause__, OSError)

    def test_not_found(self, server: Server) -> None:
        server.answers.pop(self.publish(server, b"gone"))
        with pytest.raises(WeightsUnavailableError):
            load_classifier(f"torchvision/{VISION}")

    def test_never_runs_what_a_pickle_says(self, server: Server, tmp_path: Path) -> None:
        class Touch:
            def __reduce__(self) -> tuple[object, ...]:
                return Path.touch, (tmp_path / "touched",)

        self.publish(server, pickle.dumps(Touch(), protocol=2))
        with pytest.raises(WeightsError, match="damaged"):
            load_classifier(f"torchvision/{VISION}")
        assert not (tmp_path / "touched").exists()

    def test_damaged_on_the_way(self, server: Server) -> None:
        file = self.publish(server, b"whole")
        server.answers[file] = b"other"
        with pytest.raises(WeightsError, match="damaged"):
            load_classifier(f"torchvision/{VISION}")


class TestHubDownload:
    @pytest.fixture(autouse=True)
    def cache(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("RCX_ASSETS", raising=False)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        config = timm.get_pretrained_cfg(TIMM)
        assert config is not None
        self.repository = str(config.hf_hub_id)
        self.monkeypatch = monkeypatch

    def reach(self, url: str) -> None:
        constants = huggingface_hub.constants
        template = url + constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
        self.monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        self.monkeypatch.setattr(constants, "ENDPOINT", url)

    def test_downloads_once(self, server: Server, tmp_path: Path) -> None:
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

    def test_unreachable(self) -> None:
        self.reach(NOBODY)
        with pytest.raises(WeightsUnavailableError, match="connect to the network once") as raised:
            load_classifier(f"timm/{TIMM}")
        assert self.repository in str(raised.value)
        assert f"put {TIMM}.safetensors under $RCX_ASSETS/weights" in str(raised.value)
        assert "\n" not in str(raised.value)
        assert raised.value.__cause__ is not None

    def test_never_published(self) -> None:
        with pytest.raises(WeightsError, match=r"no weights.*put .* under"):
            load_classifier("timm/vit_base_patch32_plus_256")
