"""What belongs to no single paper: optimizers, averages, growth, common norms, inits and the plain mapping."""

from gankit import registering
from gankit_basics.averages import Exponential, Snapshots
from gankit_basics.growth import Fixed, Progressive
from gankit_basics.inits import Glorot, Normal, Orthogonal
from gankit_basics.mappings import Identity
from gankit_basics.norms import Batch, Layer
from gankit_basics.optimizers import Adam, RMSprop

gankit_register = registering(
    ("adam", Adam),
    ("rmsprop", RMSprop),
    ("exponential", Exponential),
    ("snapshots", Snapshots),
    ("fixed", Fixed),
    ("progressive", Progressive),
    ("identity", Identity),
    ("batch", Batch),
    ("layer", Layer),
    ("normal", Normal),
    ("glorot", Glorot),
    ("orthogonal", Orthogonal),
)
