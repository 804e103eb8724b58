"""DCGAN (Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional GANs").

Its batch norm and its init are in gankit_basics, its loss in gankit_gan.
"""

from gankit import registering
from gankit_dcgan.blocks import Dcgan
from gankit_dcgan.heads import DcganHead
from gankit_dcgan.stems import DcganStem

gankit_register = registering(
    ("dcgan", DcganStem),
    ("dcgan", Dcgan),
    ("dcgan", DcganHead),
)
