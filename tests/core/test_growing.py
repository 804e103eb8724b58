"""Growth is a pure function of the images shown, and the one that the paper trained with."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gankit.core.progress import Progress, Stage, ends, progress_at


@st.composite
def schedules(draw: st.DrawFn) -> list[Stage]:
    """Stages as growth gives them: doubling or not, fades where they do, no longer than their stage, and names."""
    resolution, stages = draw(st.sampled_from([1, 4, 8])), list[Stage]()
    for number, length in enumerate(draw(st.lists(st.integers(1, 50), min_size=1, max_size=5))):
        rises = number > 0 and draw(st.booleans())
        resolution *= 2 if rises else 1
        fade = draw(st.integers(0, length)) if rises else 0
        stages.append(Stage(resolution, length, fade, "" if rises else f"part-{number}"))
    return stages


def by_definition(stages: list[Stage], images: int) -> Progress:
    """What is in force, found by showing one image after another."""
    stage, shown, total = 0, 0, sum(stage.images for stage in stages)
    for _ in range(images):
        shown += 1
        if shown == stages[stage].images and stage + 1 < len(stages):
            stage, shown = stage + 1, 0
    alpha = min(1.0, shown / stages[stage].fade) if stages[stage].fade else 1.0
    if stages[stage].fade and shown == 0 and stage:
        stage, alpha, shown = stage - 1, 1.0, stages[stage - 1].images
    resolution, length, _, name, *_ = stages[stage]
    before = sum(each.images for each in stages[:stage] if each.resolution == resolution)
    return Progress(images, total, stage + 1, len(stages), resolution, alpha, shown, length, name, before + shown)


@given(schedules(), st.integers(0, 300))
def test_progress_is_what_showing_images_one_by_one_gives(stages: list[Stage], images: int) -> None:
    assert progress_at(stages, images) == by_definition(stages, images)
    assert progress_at(stages, images) == progress_at(tuple(stages), images), "pure: the same twice"


@given(schedules())
def test_growth_never_turns_back(stages: list[Stage]) -> None:
    moments = [progress_at(stages, images) for images in range(ends(stages)[-1] + 20)]
    assert all(0 < now.alpha <= 1 for now in moments)
    assert all(now.label == stages[now.stage - 1].label for now in moments)
    assert moments == sorted(moments, key=lambda now: (now.stage, now.alpha))
    assert moments[-1][2:6] == (len(stages), len(stages), stages[-1].resolution, 1.0)


@given(
    first=st.integers(0, 3),
    doublings=st.integers(0, 6),
    stable=st.integers(1, 1000),
    fade=st.integers(0, 1000),
    images=st.integers(0, 20_000),
)
def test_progress_is_the_papers_closed_form(first: int, doublings: int, stable: int, fade: int, images: int) -> None:
    """lod = L - log2(first) - k - max(p - stable, 0) / fade, with k whole phases shown and p images of the next."""
    stages = [Stage(2**first, stable)]
    stages += [Stage(2 ** (first + i), fade + stable, fade) for i in range(1, doublings + 1)]
    phases, shown = divmod(images, stable + fade)
    lod = doublings - phases - (max(shown - stable, 0) / fade if fade else 0)
    lod = max(lod, 0.0)
    resolution = 2 ** (first + doublings - math.floor(lod))
    alpha = 1.0 if lod == math.floor(lod) else 1 - (lod - math.floor(lod))
    now = progress_at(stages, images)
    assert now.resolution == resolution
    assert now.alpha == pytest.approx(alpha, abs=1e-9)


@pytest.mark.parametrize(
    ("kimg", "resolution", "alpha"),
    [
        (0, 4, 1),
        (600, 4, 1),
        (600.128, 8, 0.000213),
        (750, 8, 0.25),
        (1199.999, 8, 0.9999983),
        (1200, 8, 1),
        (1800, 8, 1),
        (2100, 16, 0.5),
        (3300, 32, 0.5),
        (9300, 1024, 0.5),
        (9600, 1024, 1),
        (12_000, 1024, 1),
    ],
)
def test_the_table_of_the_original_code(kimg: float, resolution: int, alpha: float) -> None:
    stages = [Stage(4, 600_000), *(Stage(4 << i, 1_200_000, 600_000) for i in range(1, 9))]
    now = progress_at(stages, round(kimg * 1000))
    assert (now.resolution, now.alpha) == (resolution, pytest.approx(alpha, rel=2e-3 if alpha < 0.01 else 1e-6))
