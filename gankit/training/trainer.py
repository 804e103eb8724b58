"""The trainer: iterations of discriminator and generator updates at the resolution in force."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer as TorchOptimizer

from gankit.config.evaluation import GeneratorName
from gankit.config.experiment import Experiment
from gankit.config.schedules import Acting
from gankit.core.errors import UserError, blaming
from gankit.core.progress import Progress, ends, progress_at, progress_in
from gankit.data.images import RealImages, fade_reals
from gankit.data.loader import Loader
from gankit.kinds import Optimizer
from gankit.networks.critics import judging
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape, TrainedNetwork
from gankit.networks.protocols import transferable
from gankit.networks.scales import Scales
from gankit.training import randomness
from gankit.training.averages import AveragedGenerator, weights_name
from gankit.training.compiling import Compilations, NetworkPair
from gankit.training.memory import Memory
from gankit.training.parameters import correction, frozen, group_settings, grouped, stand_ins, take_over
from gankit.training.precision import Precision
from gankit.training.ranks import ALONE, Ranks
from gankit.training.sampler import SampleOptions, sample
from gankit.training.update import Moment, NetworkName, Reals, Trained, Updater


class Trainer:
    """Networks, their optimizers and the averaged generators after some number of real images.

    Everything that an iteration does is a function of the experiment and of `images`, the number of real images shown
    to the discriminator so far.
    """

    updater_type: ClassVar[type[Updater]] = Updater
    """What makes its updates."""

    def __init__(self, experiment: Experiment, reals: RealImages, device: torch.device) -> None:
        self._acting = Acting(experiment)
        self.experiment = experiment = self._acting.experiment
        """As it is where the run stands: in place of schedules it has the numbers in force."""
        self.reals, self.device = reals, device
        self.stages = experiment.stages()
        self.ends = ends(self.stages)
        self.images = self.iterations = self.attempt = 0
        self.rate = 1.0
        shape = ImageShape.of(experiment)
        self.scales = Scales(shape.scales, shape.aspect) if shape.scales else None
        """How images of all scales are packed in training, if there are several."""
        self.loader = Loader(reals, device, experiment.training.classes == "even", self.scales)
        randomness.seed(experiment.seed, "start")
        self.generator = Generator(experiment.generator, shape).placed(device)
        if reals.attribute_names and reals.labels is not None:
            self.generator.know_vectors(torch.from_numpy(reals.labels))
        self.discriminator = judging(experiment, shape).placed(device)
        uneven = reals.labels is not None and experiment.training.classes == "data"
        labels = torch.from_numpy(reals.labels) if uneven else None
        averages = {"average": experiment.training.average, **experiment.training.averages}
        self.averages: dict[GeneratorName, AveragedGenerator] = {
            name: AveragedGenerator(name, average, self.generator, experiment.seed, labels)
            for name, average in averages.items()
        }
        self.memory = Memory(experiment)
        self.networks: dict[NetworkName, TrainedNetwork] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
        }
        for name, network in self.networks.items():
            for parameter in frozen(network, name, experiment.training.freeze):
                parameter.requires_grad_(False)
        self.trained: dict[NetworkName, list[Parameter]] = {
            name: [parameter for parameter in network.parameters() if parameter.requires_grad]
            for name, network in self.networks.items()
        }
        """The parameters that training moves; others are frozen, by the experiment or the components that made them."""
        if still := [name for name, trained in self.trained.items() if not trained and experiment.training.freeze]:
            raise UserError(f"training.freeze: nothing of the {still[0]} is left to be trained")
        self.corrections = {name: correction(experiment.regularizers, name) for name in self.networks}
        self.optimizers: dict[NetworkName, TorchOptimizer] = {
            name: self._optimizer(name).build(grouped(network, self.trained[name]), self.corrections[name])
            for name, network in self.networks.items()
        }
        self._stand_ins: dict[NetworkName, list[dict[str, Any]]] = {}
        self.precision = Precision(experiment.training, device, self.networks)
        self.precision.prepare(self.optimizers.values())
        for network in (each for trained in self.networks.values() for each in trained.growing()):
            network.recomputes = experiment.training.activation_checkpointing
        self.generator.packs = self.generator.scales is not None  # its averages have been copied before
        pair = NetworkPair(self.generator, self.discriminator)
        compiled = pair.compiled(device) if experiment.training.compile else None
        self._compilations = Compilations()
        self._trained = Trained(*pair, self.trained, self.optimizers, self.precision, compiled)
        self.ranks: Ranks = ALONE
        """The processes that it trains with."""
        self.updater = self._updater()
        self.now = progress_at(self.stages, 0)
        """Where the run stood before the last update of the discriminator."""
        self.grow(self.now)

    def join(self, ranks: Ranks) -> None:
        """From now on make each update together with other processes, whose trainers are in the same state."""
        self.ranks = ranks
        self.updater = self._updater()

    def _updater(self) -> Updater:
        """What makes its updates."""
        return self.updater_type(self.experiment, self._trained, self.memory, self.ranks)

    @property
    def seed(self) -> int:
        """Decides every draw: the experiment's seed, or after an attempt that failed another that follows from it."""
        return (
            self.experiment.seed
            if not self.attempt
            else randomness.number(self.experiment.seed, "attempt", self.attempt)
        )

    @property
    def average(self) -> Generator:
        """The averaged generator of `training.average`, as it is measured and sampled."""
        return self.averages["average"].measured()

    def generators(self, names: Sequence[GeneratorName]) -> dict[GeneratorName, Generator]:
        """Averaged generators, and a copy of the trained one as `current`, in eval mode, to be measured."""
        found: dict[GeneratorName, Generator] = {}
        for which in names:
            if which == "current":
                found[which] = copy.deepcopy(self.averages["average"].generator)
                found[which].load_state_dict(self.generator.state_dict())
            else:
                found[which] = self.averages[which].measured()
        return found

    def state_dict(self) -> dict[str, Any]:
        """All that the iterations to come depend on beside the experiment: plain values and tensors."""
        averages = {weights_name(name): averaged.measured() for name, averaged in self.averages.items()}
        networks: dict[str, TrainedNetwork] = {**self.networks, **averages}
        return {
            "images": self.images,
            "rounds": self.iterations,  # the former word for iterations, kept for checkpoints that have it
            "attempt": self.attempt,
            "rate": self.rate,
            "now": _as_kept(self.now),
            "grown": _as_kept(self.grown),
            "memory": {**self.memory},
            "memory_beside": self.memory.beside(self.device),
            "weights": {name: network.state_dict() for name, network in networks.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "precision": self.precision.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken, to the last bit; the experiment must be the same."""
        self.images, self.iterations = state["images"], state["rounds"]
        self.attempt, self.rate = state["attempt"], state["rate"]
        self.memory.load(state["memory"], self.device, state.get("memory_beside"))
        self.load_weights(state["weights"])
        for name, optimizer in self.optimizers.items():
            take_over(optimizer, state["optimizers"][name])
        self.precision.load_state_dict(state.get("precision", {}))
        self.now, grown = (self._kept(*state[name]) for name in ("now", "grown"))
        self.grow(grown)

    def load_weights(self, weights: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over parameters and buffers of both networks and the averages.

        Raises:
            KeyError, RuntimeError: if they are those of other networks.
        """
        for name, network in self._all_networks().items():
            network.load_state_dict(weights[name])

    def load_fitting(self, weights: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over those parameters and buffers whose names and shapes are the same here, but for what is of a run.

        An average that is not there begins as the trained generator, as it does in a run that starts from nothing.
        """
        for name, network in self._all_networks().items():
            own = transferable(network)
            there = {key: tensor for key, tensor in weights.get(name, weights["generator"]).items() if key in own}
            network.load_state_dict({key: each for key, each in there.items() if each.shape == own[key].shape}, False)

    @property
    def progress(self) -> Progress:
        """Where the run stands now."""
        return progress_in(self.stages, self.grown.stage, self.images, self.grown.alpha)

    def iteration(self) -> dict[str, Tensor]:
        """Discriminator updates, each counting its reals and moving the averages, then one generator update.

        Returns:
            Scalars by name, still on the device: losses, penalties and mean scores of the last updates.
        """
        if self._trained.compiled is None:
            return self._iterated()
        with self._compilations.iteration(progress_at(self.stages, self.images)):
            return self._iterated()

    def _iterated(self) -> dict[str, Tensor]:
        """What `iteration` gives, of networks as they are or compiled."""
        record: dict[str, Tensor] = {}
        steps = self.experiment.training.discriminator_steps
        batches = [self._train_discriminator(record, is_last=step == steps - 1) for step in range(steps)]
        reals = batches[-1]._replace(times=self.experiment.training.generator_batches)
        record |= self._update("generator", reals)
        self.iterations += 1
        return record

    def grow(self, now: Progress) -> None:
        """Let both networks and the averages work at `now`; the next iteration goes on where its images say."""
        self._acting.move(now)
        self.grown = now
        for network in self._all_networks().values():
            network.grow(now.resolution, now.alpha)

    def sample(self, first: int, count: int, seed: int, labels: Sequence[int] = ()) -> Tensor:
        """Images [count, channels, H, W] number `first` and up of the averaged generator, in network range.

        Image i depends on (seed, i), the average, and its place in `labels`, if any, alone; torch's generators are left
        as they were.
        """
        return sample(self.average, first, count, seed, self.device, SampleOptions(labels))

    def _kept(self, position: int, resolution: int, alpha: float) -> Progress:
        """What `_as_kept` gave; of the images that had been shown then nothing depends."""
        return progress_in(self.stages, position + 1, self.images, alpha)

    def _all_networks(self) -> dict[str, TrainedNetwork]:
        """All networks by the names of their weights, to be changed."""
        averages = {weights_name(name): averaged.to_change() for name, averaged in self.averages.items()}
        return {**self.networks, **averages}

    def _train_discriminator(self, record: dict[str, Tensor], is_last: bool) -> Reals:
        """Show the discriminator the next reals, perhaps the last of its iteration; returns them, adds to `record`."""
        self._follow_growth()
        reals = self._batch()
        record |= self._update("discriminator", reals)
        count = self.experiment.training.batch_in(self.stages[self.now.stage - 1])
        self._move_averages(count, is_last)
        self.images += count
        return reals

    def _follow_growth(self) -> None:
        """Bring networks, learning rates and (if asked for) optimizer moments to where the run stands."""
        now = progress_at(self.stages, self.images)
        begins = now.stage != self.now.stage
        reset = {False: False, True: now.phase != self.now.phase, "stage": begins}
        forgets = reset[self.experiment.training.reset_optimizer]
        self.now = now
        self._acting.move(now)
        grown = self.grown  # which may have been set back meanwhile, to evaluate the stage before
        if (now.stage, now.alpha) != (grown.stage, grown.alpha):
            self.grow(now)
        for name, optimizer in self.optimizers.items():
            if forgets:
                optimizer.state.clear()
            rate = self._optimizer(name).learning_rate(now) * self.stages[now.stage - 1].rate
            rate = rate * self.rate * self.corrections[name]
            for group, setting in zip(optimizer.param_groups, self._settings(name), strict=True):
                fades = now.alpha < 1 and group["new_at"] == now.resolution
                group |= setting
                group["lr"] = rate * (self.experiment.fading.rate if fades else 1) * group.get("lr_multiplier", 1)

    def _optimizer(self, name: NetworkName) -> Optimizer:
        return getattr(self.experiment.training.optimizer, name)

    def _settings(self, name: NetworkName) -> list[dict[str, Any]]:
        """What is to stand in each group of a network's optimizer beside the parameters, if any of it moves."""
        optimizer, built = self._optimizer(name), self.optimizers[name]
        if not self._acting.moves(optimizer):
            return [{} for _ in built.param_groups]
        with blaming(optimizer):
            if name not in self._stand_ins:
                self._stand_ins[name] = stand_ins(grouped(self.networks[name], self.trained[name]))
            alike = [{**group} for group in self._stand_ins[name]]  # torch adds to what it is given
            return group_settings(built, optimizer.build(alike, self.corrections[name]))

    def _batch(self) -> Reals:
        """This process's share of the next reals, faded like the generator's images, and their labels."""
        count = self.experiment.training.batch_in(self.stages[self.now.stage - 1])
        share = self.ranks.share(count)
        images, labels = self.loader.batch(self.now.resolution, self.seed, self.images, count, share)
        if self.experiment.training.mirror:
            randomness.seed(self.seed, "mirror", self.images)
            mirrored = (torch.rand(count, 1, 1, 1, device=self.device) < 0.5)[share]
            flipped = images.flip(3) if self.scales is None else self.scales.changed(images, lambda each: each.flip(3))
            images = torch.where(mirrored, flipped, images)
        images = images.contiguous(memory_format=torch.channels_last)
        blends = self.now.alpha < 1 and self.experiment.generator.join.fades_reals
        return Reals(fade_reals(images, self.now.alpha) if blends else images, labels)

    def _update(self, name: NetworkName, reals: Reals) -> dict[str, Tensor]:
        """One update of one network at this moment."""
        moment = Moment(self.seed, self.images, self.iterations, self.progress)
        with self.precision.updating(self.memory):
            return self.updater.update(name, reals, moment)

    def _move_averages(self, count: int, is_last: bool = True) -> None:
        """Let the averages follow the generator, which this iteration has yet to update."""
        for averaged in self.averages.values():
            if is_last or not averaged.average.moves_once_an_iteration():
                averaged.move(self.now, count, self.memory.at)


def _as_kept(progress: Progress) -> tuple[int, int, float]:
    """What checkpoints hold of the growth in force: the position of the stage, the first is 0, resolution and alpha."""
    return progress.stage - 1, progress.resolution, progress.alpha
