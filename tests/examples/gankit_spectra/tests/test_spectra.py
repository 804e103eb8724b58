import math

import torch
from gankit.testing import conformance

from gankit_spectra.spectra import log_spectral_distance, radial_spectrum

test_conformance = conformance("gankit_spectra")


def noise(seed: int = 0, deviation: float = 20.0, size: int = 16) -> torch.Tensor:
    return 128 + deviation * torch.randn(200, 3, size, size, generator=torch.Generator().manual_seed(seed))


def test_a_wave_has_all_its_power_at_its_own_frequency() -> None:
    x = torch.arange(32)
    for cycles in (1, 3, 8, 16):
        wave = 128 + 100 * torch.cos(2 * math.pi * cycles * x / 32).expand(1, 1, 16, 32)
        power = radial_spectrum(wave)
        assert power.argmax() == cycles - 1
        assert power[cycles - 1] > 1e6 * (power.sum() - power[cycles - 1])


def test_white_noise_is_flat_at_its_variance() -> None:
    torch.testing.assert_close(radial_spectrum(noise()), torch.full((11,), 400.0).double(), rtol=0.05, atol=0)


def test_the_distance_is_that_of_powers_in_decibels() -> None:
    images = noise().double()
    assert log_spectral_distance(images, images.flip(0)) < 1e-9
    assert math.isclose(log_spectral_distance(10 * images, images), 20, abs_tol=0.01)
    flat = torch.full((2, 3, 8, 8), 99)
    assert math.isclose(log_spectral_distance(flat, flat + 1), 0, abs_tol=1e-9)


def test_upsampling_leaves_a_trace() -> None:
    repeated = noise(1, size=8).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert log_spectral_distance(repeated, noise(2)) > 10 * log_spectral_distance(noise(1), noise(2))
