"""BigGAN (Brock et al. 2019, "Large Scale GAN Training for High Fidelity Natural Image Synthesis").

Its residual blocks, spectral norm, hinge loss and projection are those of `gankit_sngan`, its attention that of
`gankit_sagan`.
"""

from gankit import registering
from gankit_biggan.mappings import Hierarchical
from gankit_biggan.norms import DenseConditionalBatch
from gankit_biggan.regularizers import OrthogonalRegularization
from gankit_biggan.stems import BigganStem

gankit_register = registering(
    ("hierarchical", Hierarchical),
    ("biggan", BigganStem),
    ("dense-conditional-batch", DenseConditionalBatch),
    ("orthogonal-regularization", OrthogonalRegularization),
)
