"""Evaluation in a process of its own, while training goes on."""

from __future__ import annotations

import tempfile
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.core.errors import RunError, UserError
from gankit.core.progress import Progress
from gankit.evaluation.evaluator import EvaluatorPair
from gankit.kinds.callbacks import Row

if TYPE_CHECKING:
    import torch

    from gankit.config.experiment import Experiment
    from gankit.networks.generator import Generator


class BackgroundEvaluator:
    """One evaluation at a time, whose numbers are those that this process would have come to."""

    def __init__(self, experiment: Experiment, device: torch.device) -> None:
        """Begin the process and let it load data and extractor.

        Raises:
            UserError: if these cannot be had.
        """
        from gankit.config.yaml.writer import dump_experiment

        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        measured = experiment.model_copy(update={"observers": []})
        arguments = (theirs, dump_experiment(measured), str(device))
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        if (problem := self._answer()) is not None:
            raise UserError(problem)

    def submit(self, generator: Generator, progress: Progress, full: bool) -> None:
        """Have a generator measured as it is now; the answer to what was submitted before must have been taken."""
        import torch
        from safetensors.torch import save

        state = {  # copied, as safetensors refuses weights that share memory
            name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
            for name, tensor in generator.state_dict().items()
        }
        weights = save(state)
        self._pipe.send((weights, tuple(progress), full))

    def result(self) -> list[Row]:
        """Wait for the numbers of what was submitted last."""
        return [Row(*row) for row in self._answer()]

    def close(self) -> None:
        """End the process."""
        self._pipe.close()  # which it notices
        self._process.join(timeout=10)
        self._process.terminate()

    def _answer(self):
        try:
            return self._pipe.recv()
        except EOFError:
            raise RunError("the process that evaluates has died") from None


def _serve(pipe: Connection, experiment: str, device: str) -> None:
    """What the process does: answer to one generator after the other until the other end is closed."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the run decides
    try:
        evaluators, generator = _prepared(experiment, device)
    except UserError as problem:
        pipe.send(str(problem))
        return
    pipe.send(None)
    try:
        while True:
            pipe.send(_measured(evaluators, generator, device, *pipe.recv()))
    except (EOFError, BrokenPipeError):
        evaluators.close()


def _prepared(experiment: str, device: str) -> tuple[EvaluatorPair, Generator]:
    """What measures, and a generator to take weights over."""
    import torch

    from gankit.config.loader import load_experiment
    from gankit.data.images import RealImages
    from gankit.networks.generator import Generator
    from gankit.networks.growing import ImageShape

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "experiment.yaml"
        file.write_text(experiment, encoding="utf-8")
        loaded = load_experiment(file, check=False)
    if loaded.training.threads is not None:
        torch.set_num_threads(loaded.training.threads)
    reals = RealImages(loaded.data, [stage.resolution for stage in loaded.stages()])
    generator = Generator(loaded.generator, ImageShape.of(loaded)).placed(torch.device(device))
    evaluators = EvaluatorPair(loaded.evaluation, reals, torch.device(device))
    return evaluators, generator.eval().requires_grad_(False)


def _measured(
    evaluators: EvaluatorPair, generator: Generator, device: str, weights: bytes, at: tuple, full: bool
) -> list[tuple]:
    """The rows of one evaluation, as plain tuples."""
    import torch
    from safetensors.torch import load

    from gankit.training.sampler import GeneratorSampler

    generator.load_state_dict(load(weights))
    now = Progress(*at)
    generator.grow(now.resolution, now.alpha)
    rows = evaluators.evaluate(GeneratorSampler(generator, torch.device(device)), now, full)
    return [tuple(row) for row in rows]
