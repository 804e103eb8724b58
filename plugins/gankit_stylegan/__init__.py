"""StyleGAN (Karras et al. 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks").

The discriminator's head, the conversion from and to images and the equalized learning rate are PGGAN's, in
gankit_pggan.
"""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_stylegan.blocks import StyleganBlock
from gankit_stylegan.mappings import Style
from gankit_stylegan.norms import AdaptiveInstance
from gankit_stylegan.stems import StyleganStem


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("style", Style)
    register("stylegan", StyleganStem)
    register("stylegan", StyleganBlock)
    register("adaptive-instance", AdaptiveInstance)
