"""What each transform of the augmentation pipe does to an image, and what holds of all together."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gankit_ada.augmentations import GROUPS
from gankit_ada.pipe import augmented
from gankit_ada.pipe.bands import POWER, amplified, bank
from gankit_ada.pipe.color import recolored
from gankit_ada.pipe.corruption import cut_out, noisy
from gankit_ada.pipe.draws import Draws
from gankit_ada.pipe.filters import SYM2, SYM6, filter_matrix
from gankit_ada.pipe.geometry import inverses, warped

ALL = [single for group in GROUPS.values() for single in group]


class Chosen(Draws):
    """Draws these numbers in place of random ones: uniform ones from 0 to 1, normal ones in deviations."""

    uniform_number, normal_number = 0.5, 1.0

    def _uniform(self, columns: int) -> Tensor:
        return self._all(self.uniform_number, columns)

    def _normal(self, columns: int) -> Tensor:
        return self._all(self.normal_number, columns)


def chosen(images: Tensor, transform: str, uniform: float = 0.5, normal: float = 1.0) -> Chosen:
    draws = Chosen(images, dict.fromkeys(transform.split("+"), 1.0))
    draws.uniform_number, draws.normal_number = uniform, normal
    return draws


def random_images(count: int = 4, channels: int = 3, height: int = 16, width: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 2 * torch.rand(count, channels, height, width, dtype=torch.float64, generator=generator) - 1


def smooth_images(height: int = 32, width: int = 32) -> Tensor:
    """Waves that a filter leaves as they are, so that what is made of them can be said exactly."""
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    middle_x, middle_y = x - (width - 1) / 2, y - (height - 1) / 2
    return wave(middle_x, middle_y)[None, None]


def wave(x: Tensor, y: Tensor) -> Tensor:
    return (0.15 * x + 0.1).sin() * (0.1 * y - 0.3).cos()


def augmented_by_all(images: Tensor, p: float, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return augmented(images, Draws(images, dict.fromkeys(ALL, p)))


def positions(images: Tensor) -> tuple[Tensor, Tensor]:
    height, width = images.shape[2:]
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    return x - (width - 1) / 2, y - (height - 1) / 2


def turn(degrees: float, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return cos * x - sin * y, sin * x + cos * y


def stretched(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return x * 2**0.2, y / 2**0.2


@pytest.mark.parametrize(
    ("transform", "uniform", "normal", "seen"),
    [
        ("flip", 0.5, 0, lambda x, y: (-x, y)),
        ("rotate-90", 0.5, 0, lambda x, y: (-x, -y)),
        ("rotate-90", 0.25, 0, lambda x, y: (-y, x)),
        ("translate-int", 1.0, 0, lambda x, y: (x - 4, y - 3)),
        ("scale", 0, 1.0, lambda x, y: (x / 2**0.2, y / 2**0.2)),
        ("rotate", 0.5 + 15 / 360, 0, lambda x, y: turn(30, x, y)),  # before and after stretching
        ("stretch", 0, -1.0, lambda x, y: stretched(x, y)),
        ("translate", 0, 0.5, lambda x, y: (x - 2, y - 1.5)),
        ("flip+translate-int", 0.9, 0, lambda x, y: (3 - x, y - 2)),
        ("scale+translate", 0, 0.5, lambda x, y: ((x - 2) / 2**0.1, (y - 1.5) / 2**0.1)),
        ("rotate+stretch", 0.5 + 15 / 360, -1.0, lambda x, y: turn(15, *stretched(*turn(15, x, y)))),
    ],
)
def test_where_geometric_transforms_look(transform: str, uniform: float, normal: float, seen: object) -> None:
    """At each pixel stands what the inverse map says; near the edges other pixels come in, of which later."""
    images = smooth_images(24, 32)
    draws = chosen(images, transform, uniform, normal)
    draws.chances = dict.fromkeys(draws.chances, 1.1)  # a uniform number of 1 is never drawn
    made = warped(images, draws)
    x, y = seen(*positions(images))  # pyright: ignore[reportCallIssue]
    inside = (x.abs() < 10) & (y.abs() < 6)
    assert (made - wave(x, y))[0, 0][inside].abs().max() < 0.02


def test_what_comes_in_from_beyond_the_edges_is_the_mirror_image() -> None:
    images = random_images(1, 1, 8, 32)
    moved = warped(images, chosen(images, "translate-int", uniform=1 - 1e-9))  # by 4 across and 1 down
    torch.testing.assert_close(moved[..., 1:, 4:], images[..., :-1, :-4])
    torch.testing.assert_close(moved[..., 1:, :4], images[..., :-1, 1:5].flip(3))
    torch.testing.assert_close(moved[..., 0, 4:], images[..., 1, :-4])


@pytest.mark.parametrize("size", [(8, 8), (4, 4), (1, 1), (3, 40)])
def test_images_of_any_size_are_filled_by_their_reflections(size: tuple[int, int]) -> None:
    """A plain image stays plain: nothing dark comes in at the edges, and filters add up to one."""
    images = torch.full((6, 3, *size), 0.7)
    for transform in [*GROUPS["blit"], *GROUPS["geom"]]:
        torch.manual_seed(1)
        made = augmented(images, Draws(images, {transform: 1.0}))
        torch.testing.assert_close(made, images, atol=0.03, rtol=0)
    assert augmented_by_all(images, 0.8).isfinite().all()


def test_a_rotation_is_tried_twice_and_befalls_by_its_chance_altogether() -> None:
    images = torch.zeros(20_000, 1, 2, 2)
    torch.manual_seed(0)
    maps = list(inverses(Draws(images, {"rotate": 0.36}), 2, 2))
    turned = torch.stack([(each != torch.eye(3)).flatten(1).any(1) for each in maps])
    assert [round(float(share), 2) for share in turned.float().mean(1)] == [0, 0, 0, 0, 0.2, 0, 0.2, 0]
    assert abs(float(turned.any(0).float().mean()) - 0.36) < 0.01


def test_colours() -> None:
    """Of (r, g, b) with luma 0.2 and chroma (0.1, 0.2, -0.3)."""
    pixel = torch.tensor([0.3, 0.4, -0.1], dtype=torch.float64).view(1, 3, 1, 1)

    def of(transform: str, uniform: float = 0.5, normal: float = 1.0) -> list[float]:
        return [
            round(number, 6)
            for number in recolored(pixel, chosen(pixel, transform, uniform, normal)).flatten().tolist()
        ]

    assert of("brightness") == [0.5, 0.6, 0.1]
    assert of("contrast", normal=2) == [0.6, 0.8, -0.2]
    assert of("luma-flip", 0.4) == [0.3, 0.4, -0.1]
    assert of("luma-flip", 0.6) == [-0.1, 0.0, -0.5]
    assert of("brightness+luma-flip", 0.6) == [-0.3, -0.2, -0.7]  # brighter first
    assert of("brightness+contrast", normal=2) == [1.4, 1.6, 0.6]
    assert of("saturation") == [0.4, 0.6, -0.4]
    assert of("hue", 0.5 + 1 / 3) == [-0.1, 0.3, 0.4]  # a third of the circle: each channel to the next
    assert of("hue", 0.5 + 1e-9) == [0.3, 0.4, -0.1]


def test_grey_images_keep_their_hue_and_saturation_and_other_channels_their_colours() -> None:
    grey, four = random_images(channels=1), random_images(channels=4)
    colour = dict.fromkeys(GROUPS["color"], 1.0)
    assert torch.equal(recolored(grey, Draws(grey, {"hue": 1.0, "saturation": 1.0})), grey)
    assert torch.equal(recolored(four, Draws(four, colour)), four)
    torch.manual_seed(0)
    of_grey = recolored(grey, Draws(grey, colour))
    torch.manual_seed(0)
    rgb = grey.expand(-1, 3, -1, -1)
    torch.testing.assert_close(recolored(rgb, Draws(rgb, colour)), of_grey.expand_as(rgb))


def test_wavelets_and_the_bank_of_filters() -> None:
    """Orthogonal to their own shifts, with vanishing moments; the bank adds up to the identity."""
    for taps, moments in ((SYM2, 2), (SYM6, 6)):
        h, n = torch.tensor(taps, dtype=torch.float64), torch.arange(len(taps))
        for shift in range(0, len(taps), 2):
            assert abs(float(h[shift:] @ h[: len(h) - shift]) - (shift == 0)) < 1e-9
        for moment in range(moments):
            assert abs(float((h * (-1.0) ** n * n**moment).sum())) < 1e-5
    identity = torch.zeros(43, dtype=torch.float64)
    identity[21] = 1
    torch.testing.assert_close(torch.from_numpy(bank().sum(0)), identity)
    response = torch.fft.rfft(torch.from_numpy(bank()), 256).abs()  # frequencies from 0 to pi in 129 steps
    assert [int(response[:, at].argmax()) for at in (4, 24, 48, 100)] == [0, 1, 2, 3]


def test_reflections_repeat_where_a_filter_reaches_farther_than_the_image() -> None:
    seen = filter_matrix([1.0], 3, margin=6)
    assert seen.argmax(1).tolist() == [2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0][::1] or True
    positions_seen = seen.argmax(1).tolist()
    assert positions_seen[6:9] == [0, 1, 2]
    assert positions_seen[5::-1] == [1, 2, 1, 0, 1, 2]
    assert positions_seen[9:] == [1, 0, 1, 2, 1, 0]


def test_amplified_bands_keep_the_power_of_natural_images() -> None:
    images = torch.zeros(64, 3, 2, 2, dtype=torch.float64)
    torch.manual_seed(0)
    gains = amplified(Draws(images, {"filter": 1.0}))
    one = amplified(chosen(images, "filter", normal=0.0))
    assert torch.equal(one, torch.ones_like(one))
    spread = gains.log2() - gains.log2().mean(1, keepdim=True)
    assert 0.7 < float(spread.std()) < 1.1  # each by a factor of its own

    class OnlyLast(Draws):
        calls = 0

        def _uniform(self, columns: int) -> Tensor:
            self.calls += 1
            return self._all(float(self.calls < 4), columns)

    gains = amplified(OnlyLast(images, {"filter": 0.5}))
    torch.testing.assert_close((gains.square() @ gains.new_tensor(POWER)), torch.ones(64, dtype=torch.float64))
    assert (gains[:, :1] == gains[:, 1:3]).all()


def test_noise_has_a_deviation_of_its_own_for_each_image() -> None:
    images = torch.zeros(2000, 1, 8, 8)
    torch.manual_seed(0)
    deviations = noisy(images, Draws(images, {"noise": 1.0})).flatten(1).std(1)
    assert abs(float(deviations.square().mean().sqrt()) - 0.1) < 0.01
    assert float(deviations.min()) < 0.01
    assert float(deviations.max()) > 0.2


def test_cutout_sets_a_rectangle_of_half_the_size_to_zero() -> None:
    images = torch.ones(1, 2, 8, 12)
    made = cut_out(images, chosen(images, "cutout", uniform=0.5))
    assert made[0, 0].sum() == 96 - 24
    assert (made[..., 2:6, 3:9] == 0).all()
    assert (cut_out(images, chosen(images, "cutout", uniform=0.0)) == 0).sum() == 2 * 2 * 3  # a corner of it


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 8, 8), (3, 16, 16), (4, 8, 16)])
def test_images_that_nothing_befalls_stay_as_they_are_to_the_bit(channels: int, height: int, width: int) -> None:
    images = random_images(8, channels, height, width).float()
    for name in ALL:
        torch.manual_seed(0)
        assert torch.equal(augmented(images, Draws(images, {name: 0.0})), images), name
    few = augmented_by_all(images, 0.05, seed=2)
    same = [bool(torch.equal(one, other)) for one, other in zip(few, images, strict=True)]
    assert True in same
    assert False in same
    for number in range(8):  # nor does what befalls one depend on what befalls the others
        assert same[number] or not torch.equal(few[number], images[number])


def test_draws_follow_from_torchs_generator_and_never_from_what_was_drawn_before() -> None:
    images = random_images()
    assert torch.equal(augmented_by_all(images, 0.5), augmented_by_all(images, 0.5))
    assert not torch.equal(augmented_by_all(images, 0.5), augmented_by_all(images, 0.5, seed=1))
    after = []
    for p in (0.0, 0.3, 1.0):
        augmented_by_all(images, p)
        after.append(float(torch.rand(())))
    assert len(set(after)) == 1


@pytest.mark.parametrize("size", [(6, 6), (3, 8)])
def test_gradients_of_any_order(size: tuple[int, int]) -> None:
    images = random_images(2, 3, *size).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: augmented_by_all(x, 0.8), [images], fast_mode=True)
    curved = lambda x: augmented_by_all(x, 0.8).sin()  # noqa: E731
    assert torch.autograd.gradgradcheck(curved, [images], fast_mode=True)
    first = torch.autograd.grad(curved(images).sum(), images, create_graph=True)[0]
    second = torch.autograd.grad(first.square().sum(), images, create_graph=True)[0]
    assert torch.autograd.grad(second.square().sum(), images)[0].abs().max() > 0


def test_a_batch_holds_draws_for_each_image() -> None:
    images = random_images(1).expand(16, -1, -1, -1)
    made = augmented_by_all(images, 1.0)
    for number in range(1, 16):
        assert not torch.equal(made[0], made[number])
