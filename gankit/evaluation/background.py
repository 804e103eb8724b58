"""Evaluation in a process of its own, while training goes on."""

from __future__ import annotations

import copy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gankit.config.schedules import Acting
from gankit.core.errors import RunError, UserError
from gankit.core.failures import FailureCounter, warn
from gankit.core.processes import begin_process, pipe_to_parent
from gankit.core.progress import Progress
from gankit.evaluation.pair import EvaluatorPair
from gankit.kinds.callbacks import Row

if TYPE_CHECKING:
    import torch

    from gankit.config.evaluation import GeneratorName
    from gankit.config.experiment import Experiment
    from gankit.data.images import RealImages
    from gankit.networks.generator import Generator

START = "from gankit.evaluation.background import serve; serve()"
REHEARSE = "rehearse"
"""What is sent to have the metrics asked once."""
LOST = (EOFError, OSError)
"""What a pipe raises whose other end has been closed: it depends on what was in it."""
PATIENCE = 10.0
"""Seconds to wait until a process that may go has gone."""


class Submission(NamedTuple):
    """Generators to be measured."""

    weights: dict[GeneratorName, bytes]
    """All weights and buffers of each, as safetensors keep them."""
    progress: tuple[Any, ...]
    """Where the run stood."""
    full: bool
    """Whether by the full protocol."""


class BackgroundEvaluator:
    """One evaluation at a time, whose numbers are those that this process would have come to.

    If the process dies it is begun again, and what was submitted with it; if it dies once more, this process evaluates.
    """

    def __init__(self, experiment: Experiment, reals: RealImages, device: torch.device) -> None:
        """Begin the process and let it load data and extractor.

        Raises:
            UserError: if these cannot be had.
        """
        self._experiment, self._reals, self._device = experiment, reals, device
        self._failures = FailureCounter("evaluation", "its numbers are left out")
        self._here: Measurer | None = None
        self._process: EvaluatorProcess | None = None
        self._may_die = True
        self._submitted: Submission | None = None
        try:
            self._process = EvaluatorProcess(experiment, device, reals.class_names)
        except LOST:
            self._begin_again("died as it began")

    @property
    def process(self) -> int | None:
        """The number of the process that evaluates; None if it is this one."""
        return None if self._process is None else self._process.number

    def submit(self, generators: Mapping[GeneratorName, Generator], progress: Progress, full: bool) -> None:
        """Have generators measured as they are now; the answer to what was submitted before must have been taken."""
        import torch
        from safetensors.torch import save

        weights: dict[GeneratorName, bytes] = {}
        for which, generator in generators.items():
            state = {  # copied, as safetensors refuses weights that share memory
                name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
                for name, tensor in generator.state_dict().items()
            }
            weights[which] = save(state)
        self._submitted = Submission(weights, tuple(progress), full)
        self._send()

    def rehearse(self, generator: Generator) -> None:
        """Ask each metric once, as EvaluatorPair.rehearse does, but in the process and with a generator of its own.

        Raises:
            UserError: naming the first that would give no number.
        """
        if self._process is None:
            return
        try:
            self._process.send(REHEARSE)
            problem = self._process.receive()
        except LOST:
            self._begin_again(self._process.end())
            return
        if problem is not None:
            raise UserError(problem)

    def result(self) -> list[Row]:
        """Wait for the numbers of what was submitted last; none if there is no way to come to them.

        Raises:
            RunError: if a metric asked for the end of the run.
        """
        while self._process is not None:
            try:
                answer = self._process.receive()
            except LOST:
                self._begin_again(self._process.end())
                self._send()
                continue
            if isinstance(answer, RunError):
                raise answer
            return [Row(*row) for row in answer]
        return self._failures.attempt(self._measured_here, "in the run's own process") or []

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()
        if self._here is not None:
            self._here.evaluators.close()
        self._failures.sum_up()

    def _send(self) -> None:
        """Hand over what was submitted, if there is a process to measure it."""
        while self._process is not None:
            try:
                self._process.send(self._submitted)
            except LOST:
                self._begin_again(self._process.end())
            else:
                return

    def _begin_again(self, how: str) -> None:
        """Put another process in the place of the one that died, or none if one has died before."""
        self._process, may_die, self._may_die = None, self._may_die, False
        if may_die:
            warn(f"the process that evaluates {how}; another is begun")
            try:
                self._process = EvaluatorProcess(self._experiment, self._device, self._reals.class_names)
            except UserError as problem:  # such as data that have been moved since; this process holds them
                how = f"cannot be begun again: {problem}"
            except LOST:
                how = "died as it began"
            else:
                return
        warn(f"the process that evaluates {how}; from now on training waits for evaluations")

    def _measured_here(self) -> list[Row]:
        """The numbers of what was submitted last, come to in this process."""
        if self._here is None:
            self._here = Measurer(self._experiment, self._reals, self._device)
        assert self._submitted is not None
        return [Row(*row) for row in self._here.measured(self._submitted)]


class EvaluatorProcess:
    """The process, from the run's side. What it is told, and what it answers, raises one of `LOST` if it is no more."""

    def __init__(self, experiment: Experiment, device: torch.device, classes: Sequence[str]) -> None:
        """Begin it and wait until it is ready; the classes of its data are these, whatever the disk holds by now.

        Raises:
            UserError: if it cannot load what it needs.
        """
        import torch

        from gankit.config.yaml.writer import dump_experiment

        self._process, self._pipe = begin_process(START)
        try:
            training = experiment.training.model_copy(update={"threads": torch.get_num_threads()})
            measured = experiment.model_copy(update={"observers": [], "training": training})
            self.send((dump_experiment(measured), experiment.plugins, str(device), [*classes]))
            problem = self.receive()
        except BaseException:
            self.end()
            raise
        if problem is not None:
            self.end()
            raise UserError(problem)

    @property
    def number(self) -> int:
        """By which the system knows it."""
        return self._process.pid

    def send(self, told: Any) -> None:
        """Tell it something."""
        self._pipe.send(told)

    def receive(self) -> Any:
        """Wait for its answer."""
        return self._pipe.recv()

    def end(self) -> str:
        """Let it end, and say how it did; if it takes too long, end it."""
        self._pipe.close()  # which it notices
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self._process.kill()
        code = self._process.wait()
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def serve() -> None:
    """Measure one generator after the other until the run is no more.

    What is wrong with experiment or data is answered in words, and so is what a metric ends the run for.
    """
    pipe = pipe_to_parent()
    told = _while_there(pipe.recv)
    try:
        measurer = _prepared(*told)
    except UserError as problem:
        _while_there(pipe.send, str(problem))
        return
    _while_there(pipe.send, None)
    try:
        while True:
            submission = _while_there(pipe.recv)
            try:
                answer = _problem_in_rehearsal(measurer) if submission == REHEARSE else measurer.measured(submission)
            except RunError as reason:
                answer = RunError(str(reason))
            _while_there(pipe.send, answer)
    finally:
        measurer.evaluators.close()


def _problem_in_rehearsal(measurer: Measurer) -> str | None:
    """What is wrong with the metrics, in words."""
    try:
        measurer.evaluators.rehearse(measurer.generator)
    except (UserError, RunError) as problem:
        return str(problem)
    return None


def _while_there(exchange: Callable[..., Any], *told: Any) -> Any:
    """What comes of an exchange with the run; without it there is nothing left to do, and nobody to tell."""
    try:
        return exchange(*told)
    except LOST:
        sys.exit()


def _prepared(experiment: str, plugin_files: Sequence[Path], device: str, classes: Sequence[str]) -> Measurer:
    """What measures, in a process of its own.

    The experiment's plugin files are named, as the run has executed them: whether they may be is not asked again.
    """
    import torch

    from gankit.config.loader import load_experiment
    from gankit.data.images import RealImages

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "experiment.yaml"
        file.write_text(experiment, encoding="utf-8")
        loaded = load_experiment(file, plugin_files=plugin_files, check=False)
    if loaded.training.threads is not None:
        torch.set_num_threads(loaded.training.threads)
    place = torch.device(device)
    reals = RealImages(loaded.data.with_classes(classes), loaded.resolutions())
    return Measurer(loaded, reals, place)


class Measurer:
    """Evaluators, and a generator that takes over the weights that it is given."""

    def __init__(self, experiment: Experiment, reals: RealImages, device: torch.device) -> None:
        from gankit.networks.generator import Generator
        from gankit.networks.growing import ImageShape
        from gankit.training import randomness

        self.evaluators, self._device = EvaluatorPair(experiment, reals, device), device
        self._acting = Acting(experiment)
        with randomness.untouched():
            shape = ImageShape.of(experiment, reals.classes, len(reals.attribute_names))
            generator = Generator(self._acting.experiment.generator, shape).placed(device)
        self.generator = generator.eval().requires_grad_(False)

    def measured(self, submission: Submission) -> list[tuple[Any, ...]]:
        """The rows of one evaluation, as plain tuples."""
        from safetensors.torch import load

        from gankit.training.sampler import GeneratorSampler

        now = Progress(*submission.progress)
        self._acting.move(now)
        sources: dict[GeneratorName, GeneratorSampler] = {}
        for which, weights in submission.weights.items():
            one = copy.deepcopy(self.generator)
            one.load_state_dict(load(weights))
            one.grow(now.resolution, now.alpha)
            sources[which] = GeneratorSampler(one, self._device)
        return [tuple(row) for row in self.evaluators.evaluate(sources, now, submission.full)]
