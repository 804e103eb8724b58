"""What belongs to no single paper: optimizers, schedules, averages, growth, common norms, inits, the plain mapping."""

from gankit import registering
from gankit_basics.averages import Exponential, Power, Snapshots
from gankit_basics.growth import AllScales, Fixed, Progressive, Stages
from gankit_basics.inits import Glorot, Normal, Orthogonal
from gankit_basics.joins import Blend, Gate, Never, Summed
from gankit_basics.mappings import Identity
from gankit_basics.norms import Batch, Layer
from gankit_basics.optimizers import SGD, Adam, AdamW, RMSprop
from gankit_basics.schedules import Constant, Cosine, Linear, Piecewise, Steps, WarmUp

gankit_register = registering(
    ("adam", Adam),
    ("adamw", AdamW),
    ("rmsprop", RMSprop),
    ("sgd", SGD),
    ("exponential", Exponential),
    ("power", Power),
    ("snapshots", Snapshots),
    ("fixed", Fixed),
    ("progressive", Progressive),
    ("stages", Stages),
    ("all-scales", AllScales),
    ("blend", Blend),
    ("sum", Summed),
    ("gate", Gate),
    ("none", Never),
    ("identity", Identity),
    ("batch", Batch),
    ("layer", Layer),
    ("normal", Normal),
    ("glorot", Glorot),
    ("orthogonal", Orthogonal),
    ("constant", Constant),
    ("linear", Linear),
    ("cosine", Cosine),
    ("warm-up", WarmUp),
    ("steps", Steps),
    ("piecewise", Piecewise),
)
