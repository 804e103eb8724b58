"""Others' code, run by drivers of ours from a checkout that the caller has: none of it is here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.systems import SYSTEMS
from benchmarks.work import Job


@dataclass(frozen=True)
class Peer:
    """A project that trains a system of gankit's."""

    name: str
    system: str
    """Of `benchmarks.systems`."""
    resolutions: tuple[int, ...]
    """At which it is compared; a width of 128 at each."""
    driver: str
    """The module of `benchmarks.peers` with a function `work(path, width, resolution)`."""
    signs: tuple[str, ...]
    """Files by which its checkout is known."""

    def job(self, path: Path, width: int, resolution: int) -> Job:
        """Its iterations, for a worker."""
        arguments = {"path": str(path), "width": width, "resolution": resolution}
        return Job(f"benchmarks.peers.{self.driver}:work", arguments, SYSTEMS[self.system](width).cycle)


PEERS = (
    Peer("pytorch_GAN_zoo", "pggan", (8, 16, 32, 64), "gan_zoo", ("models/progressive_gan.py",)),
    Peer("mimicry", "sngan", (32,), "mimicry", ("torch_mimicry/nets/sngan/sngan_32.py",)),
    Peer("style-based-gan-pytorch", "stylegan", (32,), "style_based", ("model.py", "prepare_data.py")),
    Peer("R3GAN", "r3gan", (32,), "r3gan", ("R3GAN/Trainer.py", "R3GAN/Networks.py")),
    Peer("stylegan2-ada-pytorch", "stylegan2", (32,), "stylegan2_ada", ("training/augment.py", "style_mixing.py")),
)


def known(path: Path) -> Peer:
    """The peer whose checkout a folder is.

    Raises:
        ValueError: if it is none's.
    """
    for peer in PEERS:
        if all((path / sign).is_file() for sign in peer.signs):
            return peer
    names = ", ".join(peer.name for peer in PEERS)
    raise ValueError(f"--peer: {path} is no checkout of {names}")
