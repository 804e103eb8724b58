"""DCGAN (Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional GANs").

Its batch norm and its init are in gankit_basics, its loss in gankit_gan.
"""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_dcgan.blocks import Dcgan
from gankit_dcgan.heads import DcganHead
from gankit_dcgan.stems import DcganStem


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("dcgan", DcganStem)
    register("dcgan", Dcgan)
    register("dcgan", DcganHead)
