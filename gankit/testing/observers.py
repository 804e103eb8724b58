"""Rules for observers, by what a small run sees of them."""

from __future__ import annotations

from gankit.kinds import Observer
from gankit.testing.killed import astray
from gankit.testing.rules import Broken, Trial, rule
from gankit.testing.witness import Witness, witnessed


def _witness(trial: Trial[Observer]) -> Witness:
    """What was seen of the observer; skips one that would not watch."""
    witness = witnessed(trial.entry, trial.component.model_dump_json())
    if witness.refused:
        trial.skip(witness.refused)
    return witness


@rule(Observer, examples=2)
def takes_every_event(trial: Trial[Observer]) -> None:
    """It raises nothing, whatever happens in a run: updates, numbers, pictures, events, going back, being stopped."""
    failed = _witness(trial).failed
    if failed:
        raise Broken(f"{failed[0]} ({len(failed)} failures in all); the run goes on without what it should have done")


@rule(Observer, examples=2)
def state_goes_on(trial: Trial[Observer]) -> None:
    """Its state is plain values and tensors, and it is the same after it was loaded from a checkpoint."""
    forgot = _witness(trial).forgot
    if forgot:
        raise Broken(forgot[0])


@rule(Observer, examples=2)
def only_watches(trial: Trial[Observer]) -> None:
    """Networks, gradients, modes and torch's random state are after every moment what they were before."""
    changed = _witness(trial).changed
    if changed:
        raise Broken(f"{changed[0]}; change copies, put modes back, and draw with a generator of your own")


@rule(Observer, examples=1, implied=("takes-every-event",))
def writes_as_if_never_killed(trial: Trial[Observer]) -> None:
    """What it writes into the run's folder is the same whether or not the run was killed and resumed on the way."""
    if _witness(trial).wrote and (name := astray(trial.entry, trial.component.model_dump_json())):
        raise Broken(
            f"{name} is another file after a run was killed between two checkpoints and resumed, since what was seen "
            "after the first is seen again; keep in state_dict() how far the file is written, and cut it off there in "
            "load_state_dict() and where that is not called"
        )


@rule(Observer, examples=2)
def lets_go(trial: Trial[Observer]) -> None:
    """Nothing of it runs on when the run is over, whether it was finished or stopped."""
    left = _witness(trial).left
    if left:
        raise Broken(f"when runs are over there is still {', '.join(left)}; end it in closed()")
