"""Growth, batch, learning rates, average and resets against tables of the authors' own schedules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.case import Case
from support.pggan import component
from support.schedules import check_schedule

from gankit import Growth
from gankit.config.experiment import TrainingOptions
from gankit.core.progress import Stage, ends, progress_at, progress_in


def progressive(final: int, images: dict[int, int], start: int = 4, **options: Any) -> Growth:
    return component("growth", "progressive", start=start, final=final, images=images, **options)


def training(settings: dict[str, Any], **options: Any) -> TrainingOptions:
    """The authors' settings: their tables name single resolutions, ours what holds from one up."""
    final, base = settings["resolution"], settings.get("minibatch_base", 16)
    resolutions = [4 << i for i in range((final // 4).bit_length())]

    def spelled_out(name: str, otherwise: float) -> dict[int, float]:
        return {resolution: settings.get(name, {}).get(str(resolution), otherwise) for resolution in resolutions}

    rates = {
        network: {"use": "adam", "lr": spelled_out(f"{network[0].upper()}_lrate_dict", 1e-3)}
        for network in ("generator", "discriminator")
    }
    batch = spelled_out("minibatch_dict", base)
    return TrainingOptions.model_validate({"batch": batch, "optimizer": rates, **options})


@pytest.mark.parametrize("key", ["v2_1gpu_1024", "default_32"])
def test_pggan_grows_as_the_authors_do(key: str) -> None:
    case = Case("tf_pggan_schedule")
    settings = case.meta["args"][key]
    growth = progressive(settings["resolution"], {4: 600_000, 8: 1_200_000}, fade=0.5)
    check_schedule(case, key, growth, training(settings))


def test_stylegan_grows_and_averages_as_the_authors_do() -> None:
    case = Case("tf_stylegan_schedule")
    settings = case.meta["args"]["ffhq_1gpu"]
    start = settings["lod_initial_resolution"]
    growth = progressive(settings["resolution"], {start: 600_000, 2 * start: 1_200_000}, start, fade=600_000)
    average = {"use": "exponential", "half_life": 10_000, "warmup": 0}
    check_schedule(case, "ffhq_1gpu", growth, training(settings, average=average))


def test_optimizers_are_reset_when_the_authors_are() -> None:
    """The authors look at their schedule after every 64 images of this case, we after every batch."""
    case = Case("tf_pggan_opt_resets")
    stages = progressive(32, {4: 6_000, 8: 12_000}).stages()
    looks = case.meta["args"]["minibatch_repeats"] * case.meta["args"]["minibatch_base"]
    rounds, shown = case.arrays["sched.final"].astype(int)
    assert shown == rounds * looks
    resets, before = [], None
    for number in range(rounds):
        now = progress_at(stages, number * looks)
        if before is None or now.phase != before.phase:
            level = np.log2(32 / now.resolution) + (1 - now.alpha)
            resets.append((number, number * looks, level, now.resolution, case.meta["args"]["minibatch_base"]))
        before = now
    np.testing.assert_allclose(resets, case.arrays["sched.resets"], rtol=0, atol=case.meta["atol"])


def test_stages_end_fully_grown_and_switch_at_once_without_a_fade() -> None:
    stages = progressive(16, {4: 100, 8: 300, 16: 200}, fade={8: 0.5, 16: 0}).stages()
    assert stages == [Stage(4, 100), Stage(8, 300, 150), Stage(16, 200)]
    assert ends(stages) == [100, 400, 600]
    assert progress_at(stages, 100) == progress_in(stages, 1, 100)
    assert progress_at(stages, 175) == progress_in(stages, 2, 175, alpha=0.5)
    assert progress_at(stages, 250) == progress_in(stages, 2, 250)
    assert progress_at(stages, 400) == progress_in(stages, 3, 400)
    assert progress_at(stages, 10_000) == progress_in(stages, 3, 10_000)
