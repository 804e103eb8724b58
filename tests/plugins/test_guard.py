"""The guard does what its policy says, and a run that it watches can be left and resumed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from support.command import QUICKSTART, QUIET, gankit_here, rows
from support.failing import Clock, begun, events, measured, record, registered, saved
from support.slow import slow_but
from support.tiny import tiny

from gankit.checkpoints import store
from gankit.config.checks import problems
from gankit.core.errors import Interrupted, RunError
from gankit.runs.start import resume
from gankit_observers.guard import Guard
from gankit_observers.health_checks import Collapse, Finding

FINE = {"batch": 40}
"""For what comes of many updates."""


@pytest.fixture(autouse=True)
def _parts() -> Iterator[None]:
    with registered():
        yield


class TestStop:
    def test_by_default_a_nan_stops_the_run_where_it_is_seen(self, tmp_path: Path) -> None:
        with pytest.raises(
            RunError, match=r"was stopped: loss\.discriminator was nan at 3,000 images; a lower learning rate"
        ):
            begun(tmp_path, "guard", loss="breaking").train()
        assert saved(tmp_path) == [1000, 2000]
        assert events(tmp_path) == [("guard.not-finite", 3000)]
        event = rows(tmp_path / "run")[-1]
        assert (event["value"], event["note"]) == ("nan", "loss.discriminator was nan at 3,000 images")

    def test_a_nan_between_looks_is_seen_before_a_checkpoint_is_written_and_named(self, tmp_path: Path) -> None:
        every = {"every": 1400}
        with pytest.raises(RunError, match=r"loss\.discriminator was nan at 3,000 images"):
            begun(tmp_path, {"use": "guard", "every": "1M"}, loss="breaking", images=6000, checkpoints=every).train()
        assert saved(tmp_path) == [1400, 2800]
        assert events(tmp_path) == [("guard.not-finite", 4200)]

    def test_weights_that_no_scalar_tells_of_yet_are_not_saved(self, tmp_path: Path) -> None:
        loss = {"use": "breaking", "network": "generator", "only_gradient": True}
        with pytest.raises(RunError, match="weights of the generator were not finite at 3,000 images"):
            begun(tmp_path, {"use": "guard", "every": "1M"}, loss=loss).train()
        assert saved(tmp_path) == [1000, 2000]

    def test_a_state_that_is_lost_is_not_saved_on_a_signal_either(self, tmp_path: Path) -> None:
        training = begun(tmp_path, {"use": "guard", "every": "1M"}, loss="breaking", checkpoints={"every": 1400})
        Clock.leave_at = 3400
        with pytest.raises(Interrupted):
            training.train()
        assert saved(tmp_path) == [1400, 2800]
        again = resume(tmp_path / "run")
        assert again is not None
        with pytest.raises(RunError, match="at 3,000 images"):
            again.train()

    @pytest.mark.parametrize("policy", ["stop", "warn"])
    def test_what_is_lost_from_the_first_is_seen_at_once(self, tmp_path: Path, policy: str) -> None:
        guard = {"use": "guard", "policy": policy, "every": "1M"}
        training = begun(tmp_path, guard, loss={"use": "breaking", "at": 40}, images=800, training=FINE)
        with pytest.raises(RunError) if policy == "stop" else nullcontext():
            training.train()
        assert events(tmp_path) == [("guard.not-finite", 40)]

    def test_it_looks_early_a_few_times_and_for_nothing_else(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        growth = {"use": "progressive", "start": 4, "final": 8, "images": {4: 3200, 8: 400}}
        training = begun(tmp_path, images=3600, growth=growth, training=FINE)
        every = {"against": ["not-finite", "gradients"], "policy": "warn", "every": "1M"}
        sentinel = Guard.model_validate(every).callback(training)
        looks: list[tuple[int, list[str]]] = []
        monkeypatch.setattr(
            sentinel, "_look", lambda checks: looks.append((sentinel.state_dict()["images"], [*checks]))
        )
        for images in range(40, 3601, 40):
            sentinel.on_update(training.progress._replace(images=images), {})
        early = [40, 80, 160, 280, 520]  # where a power of two was passed
        assert looks == [
            *((images, ["not-finite"]) for images in early),
            (3200, ["not-finite", "gradients"]),
            *((3200 + images, ["not-finite"]) for images in early[:-1]),
            (3600, ["not-finite", "gradients"]),
        ]

    def test_a_trouble_that_lasts_is_warned_of_once_whatever_is_saved_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Collapse, "look", lambda *_: Finding(0.0, "all alike"))
        guard = {"use": "guard", "policy": "warn", "against": "collapse"}
        begun(tmp_path, guard, loss="wgan", images=3000).train()
        assert events(tmp_path) == [("guard.collapse", 1000)]

    @pytest.mark.parametrize("others", slow_but([["progress"]], [["progress"], [], [{"use": "sample-grid"}]]))
    def test_it_watches_whoever_else_is_named(self, tmp_path: Path, others: list[Any]) -> None:
        with pytest.raises(RunError, match=r"loss\.discriminator was nan at 3,000 images; a lower learning rate"):
            begun(tmp_path, *others, loss="breaking").train()

    def test_it_is_switched_off_by_name(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        begun(tmp_path, *QUIET, loss="breaking").train()
        assert events(tmp_path) == []
        assert capfd.readouterr().err == ""

    def test_against_other_troubles_it_still_stops_a_run_that_is_lost(self, tmp_path: Path) -> None:
        collapse = {"use": "guard", "policy": "warn", "against": "collapse"}
        with pytest.raises(RunError, match=r"loss\.discriminator was nan at 3,000 images; a lower learning rate"):
            begun(tmp_path / "alone", collapse, loss="breaking").train()
        assert saved(tmp_path / "alone") == [1000, 2000]
        begun(tmp_path / "switched off", collapse, *QUIET, loss="breaking").train()
        begun(tmp_path / "another", collapse, {"use": "guard", "policy": "warn"}, loss="breaking").train()
        assert events(tmp_path / "another") == [("guard.not-finite", 3000)]

    def test_the_command_says_why_in_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "broken.py").write_text(
            "from gankit import Loss, hookimpl\n"
            "class Broken(Loss):\n"
            "    'Infinite.'\n"
            "    def discriminator(self, real, fake):\n"
            "        return real.square().mean() / 0\n"
            "    def generator(self, fake, real):\n"
            "        return -fake.mean()\n"
            "@hookimpl\n"
            "def gankit_register(register):\n"
            "    register('broken', Broken)\n"
        )
        sets = (
            "loss=broken",
            "growth.images=64",
            "evaluation.metrics=[]",
            "observers=[guard, {use: progress, enabled: false}]",
        )
        words = [word for set_ in sets for word in ("--set", set_)]
        done = gankit_here(["run", QUICKSTART, "--plugin", "broken.py", "--no-rehearsal", *words], tmp_path)
        assert done.returncode == 1
        _, begins, said = done.stderr.splitlines()
        assert begins == "gankit: runs/quickstart begins"
        assert said.startswith("gankit: ")
        assert "quickstart was stopped: loss.discriminator was inf at 32 images; a lower learning rate" in said


class TestRollBack:
    def test_other_draws_lead_past_bad_ones(self, tmp_path: Path) -> None:
        begun(
            tmp_path, {"use": "guard", "policy": "roll-back"}, loss="unlucky", seed=25, images=5000, training=FINE
        ).train()
        seen, back = "guard.not-finite", "rolled-back"  # bad draws at 1,080 images, at the second attempt at 4,240
        assert events(tmp_path) == [(seen, 2000), (back, 1000), (seen, 5000), (back, 4000)]
        notes = [row["note"] for row in rows(tmp_path / "run") if row["name"] == back]
        assert notes == [f"loss.discriminator was nan at {images} images" for images in ("1,080", "4,240")]
        recorded = measured(tmp_path)
        assert len(set(recorded)) == len(recorded)
        assert [images for images, _ in recorded] == sorted(images for images, _ in recorded)
        assert recorded[-1][0] == 5000
        assert saved(tmp_path) == [4000, 5000]

    def test_a_lower_rate_ends_a_divergence(self, tmp_path: Path) -> None:
        training = FINE | {"optimizer": {"use": "gradient-descent", "lr": 3.0}}
        guard = {"use": "guard", "policy": "roll-back", "every": 400}
        with pytest.raises(RunError):
            begun(tmp_path / "same", guard, loss="least-squares", training=training).train()
        begun(tmp_path / "lower", {**guard, "rate": 0.1}, loss="least-squares", training=training).train()
        assert [name for name, _ in events(tmp_path / "lower")] == ["guard.not-finite", "rolled-back"]
        last = store.read(store.found(tmp_path / "lower" / "run" / "checkpoints")[-1]).state
        assert (last["attempt"], last["rate"]) == (1, 0.1)
        rates = [group["lr"] for group in last["optimizers"]["generator"]["param_groups"]]
        assert rates == pytest.approx([0.3] * len(rates))

    def test_it_is_tried_so_many_times_then_it_stops(self, tmp_path: Path) -> None:
        guard = {"use": "guard", "policy": "roll-back", "times": 2, "rate": 0.5}
        reason = r"loss\.discriminator was nan at 3,000 images; roll-backs so far: 2$"
        with pytest.raises(RunError, match=reason):
            begun(tmp_path, guard, loss="breaking").train()
        seen, back = ("guard.not-finite", 3000), ("rolled-back", 2000)
        assert events(tmp_path) == [seen, back, seen, back, seen]
        assert saved(tmp_path) == [1000, 2000]
        recorded = measured(tmp_path)
        assert len(set(recorded)) == len(recorded)

    def test_a_checkpoint_without_its_state_lets_it_begin_afresh(self, tmp_path: Path) -> None:
        training = begun(tmp_path, images=400, training=FINE)
        guard = Guard.model_validate({"against": ["not-finite", "gradients", "collapse", "saturation"], "every": 40})
        sentinel = guard.callback(training)
        unused = sentinel.state_dict()
        for _ in range(3):
            scalars = training._trainer.iteration()
            sentinel.on_update(training.progress, {**scalars, "bad": torch.tensor(math.nan)})
        assert sentinel.state_dict() != unused
        sentinel.on_rollback(training.progress._replace(images=0))
        assert sentinel.state_dict() == unused


class TestWarn:
    def test_the_run_goes_on_and_it_is_said_once(self, tmp_path: Path) -> None:
        growth = {"use": "progressive", "start": 4, "final": 8, "images": {4: 4000, 8: 1000}}
        begun(tmp_path, {"use": "guard", "policy": "warn"}, loss="breaking", growth=growth).train()
        assert events(tmp_path) == [("guard.not-finite", 3000)]
        assert measured(tmp_path)[-1][0] == 5000

    def test_at_the_end_of_a_stage_it_looks_whatever_is_left_to_the_next_multiple(self, tmp_path: Path) -> None:
        growth = {"use": "progressive", "start": 4, "final": 8, "images": {4: 3200, 8: 400}}
        begun(tmp_path, {"use": "guard", "policy": "warn", "every": "1M"}, loss="breaking", growth=growth).train()
        assert events(tmp_path) == [("guard.not-finite", 3200)]

    def test_two_guards_have_each_its_own_policy(self, tmp_path: Path) -> None:
        guards = [{"use": "guard", "policy": "warn"}, {"use": "guard", "policy": "roll-back", "times": 1}]
        with pytest.raises(RunError, match="roll-backs so far: 1"):
            begun(tmp_path, *guards, loss="breaking").train()
        seen = ("guard.not-finite", 3000)
        assert events(tmp_path) == [seen, seen, ("rolled-back", 2000), seen, seen]

    def test_it_is_said_on_the_console(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        begun(tmp_path, "progress", {"use": "guard", "policy": "warn"}, loss="breaking").train()
        said = "guard.not-finite at 3,000 images: loss.discriminator was nan at 3,000 images\n"
        assert capfd.readouterr().err.count(said) == 1


class TestResume:
    EVERYTHING: ClassVar[dict[str, Any]] = {
        "use": "guard",
        "against": ["not-finite", "gradients", "collapse", "saturation"],
        "policy": "warn",
        "gradients": 1.1,
        "collapse": 0.99,
        "saturation": 0.7,
        "every": 40,
    }
    """Thresholds at which warnings come and go all the time."""

    def left_and_resumed(self, folder: Path, at: int, *guards: Any, **changes: Any) -> None:
        training = begun(folder, *guards, **changes)
        Clock.leave_at = at
        with pytest.raises(Interrupted):
            training.train()
        again = resume(folder / "run")
        assert again is not None
        again.train()

    @pytest.mark.parametrize("at", slow_but([1240], [280, 1000, 1240]))
    def test_a_resumed_guard_sees_what_it_would_have_seen(self, tmp_path: Path, at: int) -> None:
        growth = {"use": "progressive", "start": 4, "final": 8, "images": 1200}
        changes = {"growth": growth, "loss": "non-saturating", "checkpoints": {"every": 400}, "training": FINE}
        begun(tmp_path / "at once", self.EVERYTHING, **changes).train()
        names = {name for name, _ in events(tmp_path / "at once")}
        assert names == {"guard.gradients", "guard.collapse", "guard.saturation"}
        self.left_and_resumed(tmp_path / "in two", at, self.EVERYTHING, **changes)
        assert record(tmp_path / "in two") == record(tmp_path / "at once")

    @pytest.mark.slow
    def test_a_warning_that_was_due_when_it_was_left_still_comes_where_it_would_have(self, tmp_path: Path) -> None:
        guard = {"use": "guard", "policy": "warn", "every": 700}
        begun(tmp_path / "at once", guard, loss="breaking").train()
        self.left_and_resumed(tmp_path / "in two", 3200, guard, loss="breaking")
        assert events(tmp_path / "in two") == [("guard.not-finite", 3600)]
        assert record(tmp_path / "in two") == record(tmp_path / "at once")

    @pytest.mark.slow
    def test_a_run_that_is_rolled_back_can_be_left_too(self, tmp_path: Path) -> None:
        guard = {"use": "guard", "policy": "roll-back", "rate": 0.5}
        changes: dict[str, Any] = {"loss": "unlucky", "seed": 25, "images": 5000, "training": FINE}
        begun(tmp_path / "at once", guard, **changes).train()
        assert len(events(tmp_path / "at once")) == 4
        for at in (1040, 1480, 4200):  # before and after the first bad draws, and in the third attempt
            self.left_and_resumed(tmp_path / str(at), at, guard, **changes)
            assert record(tmp_path / str(at)) == record(tmp_path / "at once")


def test_senseless_options_are_refused() -> None:
    for wrong in ({"against": "nan"}, {"policy": "pray"}, {"rate": 0}, {"times": 0}, {"every": 0}, {"gradients": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Guard.model_validate(wrong)


@pytest.mark.parametrize("trouble", ["gradients", "collapse", "saturation"])
def test_a_threshold_of_what_is_not_looked_for_is_refused(trouble: str) -> None:
    options = {"use": "guard", trouble: 2.0 if trouble == "gradients" else 0.5}
    (found,) = problems(tiny(observers=options))
    assert found[0] == ("observers", 0)
    assert found[1].startswith(f"{trouble}: ")
    assert found[1].endswith(f" has no effect, as against does not name {trouble}")
    assert problems(tiny(observers=options | {"against": ["not-finite", trouble]})) == []
    assert problems(tiny(observers="guard")) == []
