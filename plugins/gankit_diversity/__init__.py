"""Layers that let a discriminator judge the variety of a batch."""

from gankit import registering
from gankit_diversity.regularizers import MinibatchDiscrimination, MinibatchStddev

gankit_register = registering(
    ("minibatch-stddev", MinibatchStddev),
    ("minibatch-discrimination", MinibatchDiscrimination),
)
