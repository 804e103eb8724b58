"""Observers that are wrong, each under the name of the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gankit import Callback, Component, Observer, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.core.progress import Progress
    from gankit.kinds.callbacks import Picture, Row, RunContext


class LooksUpNote(Observer):
    """Takes it that every row was measured by a protocol."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""

        class Reading(Callback):
            def on_rows(self, rows: list[Row]) -> None:
                for row in rows:
                    assert row.protocol or row.name.startswith(("loss", "score", "penalty")), row.name

        return Reading()


class ClosesTwice(Observer):
    """Closes what only the end of a complete run has opened."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""

        class Summary(Callback):
            def on_finish(self) -> None:
                self.total = len(run.rows)

            def on_close(self) -> None:
                assert self.total > 0

        return Summary()


class OnlyForward(Observer):
    """Takes it that the number of images never falls."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""

        class Forward(Callback):
            images = 0

            def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
                if progress.images <= self.images:
                    raise ValueError(f"{progress.images} images after {self.images}")
                self.images = progress.images

        return Forward()


class OwnNames(Observer):
    """Takes it that every picture is one of its own."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""

        class Numbered(Callback):
            def on_picture(self, picture: Picture) -> None:
                int(picture.name.partition("-")[0])

        return Numbered()


class KeepsASet(Observer):
    """Has a set in its state, which no checkpoint holds."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""

        class Names(Callback):
            def __init__(self) -> None:
                self.names: set[str] = set()

            def on_rows(self, rows: list[Row]) -> None:
                self.names |= {row.name for row in rows}

            def state_dict(self) -> dict[str, Any]:
                return {"names": self.names}

            def load_state_dict(self, state: dict[str, Any]) -> None:
                self.names = set(state["names"])

        return Names()


class BeginsAfresh(Observer):
    """Gives a state and does not take it back."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""

        class Counter(Callback):
            count = 0

            def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
                self.count += 1

            def state_dict(self) -> dict[str, Any]:
                return {"count": self.count}

        return Counter()


class LeavesEvalMode(Observer):
    """Puts the generator into eval mode to draw a sample, and leaves it there."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""

        class Sampler(Callback):
            def on_stage_end(self, progress: Progress) -> None:
                run.networks["generator"].eval()

        return Sampler()


class Draws(Observer):
    """Draws latents with torch's own generator."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""

        class Latents(Callback):
            def on_evaluation_start(self, progress: Progress) -> None:
                import torch

                torch.randn(4, 4)

        return Latents()


class Clips(Observer):
    """Mends the gradients that it looks at."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""

        class Norm(Callback):
            def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
                import torch

                torch.nn.utils.clip_grad_norm_(run.networks["discriminator"].parameters(), 1e-3)

        return Norm()


class Appends(Observer):
    """Appends a line for each update, those that are made again too."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""

        class Lines(Callback):
            def __init__(self) -> None:
                self.file = (run.folder / "lines.csv").open("a")

            def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
                print(progress.images, file=self.file, flush=True)

            def on_close(self) -> None:
                self.file.close()

        return Lines()


class Numbers(Observer):
    """Numbers its pictures, from 1 on again after each beginning."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""

        class Album(Callback):
            count = 0

            def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
                self.count += 1
                run.show(f"album-{self.count}", run.sample(1, 0)[0])

        return Album()


class LeavesAThread(Observer):
    """Beats until the run is complete, and for ever if it is stopped."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""
        import threading

        class Heart(Callback):
            def __init__(self) -> None:
                self.done = threading.Event()
                self.thread = threading.Thread(target=self.done.wait, daemon=True, name="heart")
                self.thread.start()

            def on_finish(self) -> None:
                self.done.set()
                self.thread.join()

        return Heart()


class LeavesAProcess(Observer):
    """Has a process that it never ends."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""
        import subprocess

        subprocess.Popen(["sleep", "20"])
        return Callback()


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register each under the rule that it breaks."""
    register("takes-every-event", LooksUpNote)
    register("takes-every-event.2", ClosesTwice)
    register("takes-every-event.3", OnlyForward)
    register("takes-every-event.4", OwnNames)
    register("state-goes-on", KeepsASet)
    register("state-goes-on.2", BeginsAfresh)
    register("only-watches", LeavesEvalMode)
    register("only-watches.2", Draws)
    register("only-watches.3", Clips)
    register("writes-as-if-never-killed", Appends)
    register("writes-as-if-never-killed.2", Numbers)
    register("lets-go", LeavesAThread)
    register("lets-go.2", LeavesAProcess)
