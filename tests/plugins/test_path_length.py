"""Perceptual path length: closed forms, and what it sees."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from support.slow import slow_but
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit import BuildContext, UserError
from gankit.cli import main
from gankit.core.progress import progress_in
from gankit.runs.start import begin
from gankit.training import randomness
from gankit_fidelity.metrics import LPIPS_FILES, PerceptualPathLength
from gankit_fidelity.path_length import lpips, path_lengths, slerp, squared, trimmed_mean
from gankit_fidelity.weights import answers


class Linear(nn.Module):
    """Styles are latents, images a linear map of styles; noise of its own if asked for."""

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(16, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
        self.context, self.resolution, self.noise = BuildContext("generator", 4, 0, 0, latent=5), 4, noise

    def map(self, z: Tensor, labels: Tensor | None) -> Tensor:
        return z.double()

    def synthesize(self, styles: Tensor, labels: Tensor | None) -> Tensor:
        images = (styles @ self.matrix.t()).view(-1, 1, 4, 4)
        return images + self.noise * torch.randn(images.shape)


def ends(paths: int) -> tuple[Tensor, Tensor]:
    """The ends of the paths as they are drawn, 64 at a time."""
    drawn = []
    for number in range(-(-paths // 64)):
        randomness.seed("path length", number)
        drawn.append(torch.randn(2, 64, 5))
    first, second = torch.cat(drawn, 1)[:, :paths].double()
    return first, second


@pytest.mark.parametrize("sampling", ["end", "full"])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_the_length_of_a_straight_path_of_a_linear_generator_is_known(sampling: Any, noise: float) -> None:
    generator: Any = Linear(noise)
    lengths = path_lengths(generator, squared, "w", sampling, epsilon=1e-4, paths=100)
    first, second = ends(100)
    expected = ((second - first) @ generator.matrix.t()).square().mean(1)
    np.testing.assert_allclose(lengths, expected.detach().numpy(), rtol=2e-3)


def test_the_outermost_percents_are_left_out() -> None:
    lengths = np.concatenate([np.arange(1001.0)[:10] - 1e9, np.arange(1001.0)[10:-10], np.arange(10.0) + 1e9])
    assert trimmed_mean(np.random.default_rng(0).permutation(lengths)) == 500


def test_an_arc_keeps_its_length_and_its_pace() -> None:
    a, b = torch.randn(2, 50, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    steps = torch.linspace(0, 1, 5, dtype=torch.float64)
    points = [slerp(a, b, t.expand(50)) for t in steps]
    torch.testing.assert_close(points[0], a)
    direction = nn.functional.normalize(points[-1])
    torch.testing.assert_close(direction, nn.functional.normalize(b))
    for one, other in pairwise(points):
        torch.testing.assert_close((other - one).norm(dim=1), (points[1] - points[0]).norm(dim=1))
        torch.testing.assert_close(one.norm(dim=1), a.norm(dim=1))


def test_it_sees_abrupt_changes_and_is_blind_to_nonsense() -> None:
    class Stepped(Linear):
        def synthesize(self, styles: Tensor, labels: Tensor | None) -> Tensor:
            return (30 * super().synthesize(styles, labels)).tanh()

    class Constant(Linear):
        def synthesize(self, styles: Tensor, labels: Tensor | None) -> Tensor:
            return 0 * super().synthesize(styles, labels)

    def length(generator: Any) -> float:
        return trimmed_mean(path_lengths(generator, squared, "w", "end", epsilon=1e-4, paths=200))

    assert length(Constant()) == 0
    assert length(Stepped()) > 2 * length(Linear())


@pytest.mark.parametrize("space", slow_but(["w"], ["w", "z"]))
def test_a_run_measures_its_own_generator(tmp_path: Path, space: str, capsys: pytest.CaptureFixture[str]) -> None:
    metric = {"use": "perceptual-path-length", "distance": "pixels", "space": space, "paths": 70}
    begin(tiny(evaluation={"metrics": metric, "extractor": "digits", "images": 4}), tmp_path / "run").train()
    assert f'"ppl_{space}_end"' in (tmp_path / "run" / "metrics.jsonl").read_text()
    (tmp_path / "images").mkdir()
    assert main(["sample", str(tmp_path / "run"), "-o", str(tmp_path / "images" / "a.png"), "-n", "1"]) == 0
    options = ["--data", "digits", "--extractor", "digits", "--images", "1", "--resolution", "8"]
    wanted = "{use: perceptual-path-length, distance: pixels}"
    assert main(["evaluate", str(tmp_path / "images"), *options, "--metrics", wanted]) == 0
    assert "needs a generator, and folders of images have none" in capsys.readouterr().err


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a server of an empty file that is called `there`."""
    (tmp_path / "there").touch()
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: str) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setitem(LPIPS_FILES, "weights-vgg16-lpips.pth", f"{served}/there")
    monkeypatch.setitem(LPIPS_FILES, "vgg16-397923af.pth", f"{served}/not")
    said = PerceptualPathLength().missing(tiny())
    assert said is not None
    assert all(url in said for url in LPIPS_FILES.values())
    assert PerceptualPathLength(distance="pixels").missing(tiny()) is None


def test_weights_that_can_be_downloaded_are_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(answers, "__defaults__", (60.0,))  # the server shares this process, which may have to wait
    for name in LPIPS_FILES:
        monkeypatch.setitem(LPIPS_FILES, name, f"{served}/there")
    assert PerceptualPathLength().missing(tiny()) is None


@pytest.mark.slow
def test_lpips_from_local_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With random weights: the distance of equal images is 0, grey and colour are taken, and a run measures by it."""
    from torchvision.models import vgg16

    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)
    torch.save(vgg16().state_dict(), tmp_path / "hub" / "checkpoints" / "vgg16-397923af.pth")
    widths = (64, 128, 256, 512, 512)
    linear = {f"lin{i}.model.1.weight": torch.rand(1, width, 1, 1) for i, width in enumerate(widths)}
    torch.save(linear, tmp_path / "hub" / "checkpoints" / "weights-vgg16-lpips.pth")
    distance = lpips()
    one, other = torch.rand(2, 3, 1, 32, 32) * 2 - 1
    assert distance(one, one).abs().max() == 0
    assert (distance(one, other) > 0).all()
    made = trainer(tiny())
    made.grow(progress_in(made.stages, 2, 0))
    small = nn.functional.interpolate

    def enlarged(*ends: Tensor) -> Tensor:
        return distance(*(small(images, scale_factor=4) for images in ends))

    lengths = path_lengths(made.average, enlarged, "w", "end", epsilon=1e-2, paths=8)
    assert np.isfinite(lengths).all()
    assert (lengths > 0).all()


def test_without_weights_or_network_lpips_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", _no_network)
    samples: Any = SimpleNamespace(generator=trainer(tiny()).average)
    with pytest.raises(UserError, match="weights of LPIPS cannot be had"):
        PerceptualPathLength(paths=4).evaluate(samples)


def _no_network(*_: Any, **__: Any) -> None:
    raise OSError("no network")
