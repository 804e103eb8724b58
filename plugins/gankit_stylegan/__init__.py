"""StyleGAN (Karras et al. 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks").

The discriminator's head, the conversion from and to images and the equalized learning rate are PGGAN's, in
gankit_pggan.
"""

from collections.abc import Callable

from gankit import WeightNames, hookimpl, registering
from gankit_stylegan.blocks import StyleganBlock
from gankit_stylegan.mappings import Style
from gankit_stylegan.norms import AdaptiveInstance
from gankit_stylegan.stems import StyleganStem
from gankit_stylegan.weight_names import STYLEGAN

gankit_register = registering(
    ("style", Style),
    ("stylegan", StyleganStem),
    ("stylegan", StyleganBlock),
    ("adaptive-instance", AdaptiveInstance),
)


@hookimpl
def gankit_add_weight_names(add: Callable[[WeightNames], None]) -> None:
    """The authors' own."""
    add(STYLEGAN)
