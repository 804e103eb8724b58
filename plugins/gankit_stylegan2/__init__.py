"""StyleGAN2 (Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN").

Its noise and the mixing of styles are StyleGAN's, in gankit_stylegan. The sum of images of all resolutions is a join,
in gankit_basics; R1 is in gankit_r1, minibatch stddev in gankit_diversity.
"""

from collections.abc import Callable

from gankit import WeightNames, hookimpl, registering
from gankit_stylegan2.blocks import Stylegan2Block, Stylegan2Rgb
from gankit_stylegan2.heads import Stylegan2Head
from gankit_stylegan2.mappings import Stylegan2Mapping
from gankit_stylegan2.regularizers import PathLength
from gankit_stylegan2.stems import Stylegan2Stem
from gankit_stylegan2.weight_names import STYLEGAN2

gankit_register = registering(
    ("stylegan2", Stylegan2Mapping),
    ("stylegan2", Stylegan2Stem),
    ("stylegan2", Stylegan2Block),
    ("stylegan2-rgb", Stylegan2Rgb),
    ("stylegan2", Stylegan2Head),
    ("path-length", PathLength),
)


@hookimpl
def gankit_add_weight_names(add: Callable[[WeightNames], None]) -> None:
    """The authors' own."""
    add(STYLEGAN2)
