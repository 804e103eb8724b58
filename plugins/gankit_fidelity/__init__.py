"""FID (Heusel et al. 2017), KID (Bińkowski et al. 2018), IS (Salimans et al. 2016), covered classes, and extractors.

The formulas are torch-fidelity's.
"""

from gankit import registering
from gankit_fidelity import metrics
from gankit_fidelity.commands import gankit_add_commands as gankit_add_commands
from gankit_fidelity.extractors import Digits, FashionMnist, TrainedClassifier
from gankit_fidelity.extrapolated import ExtrapolatedFrechetDistance
from gankit_fidelity.presets import Classic, Modern
from gankit_fidelity.pretrained import Clip, DinoV2, Inception
from gankit_fidelity.sliced import MongeInceptionDistance

gankit_register = registering(
    ("inception", Inception),
    ("clip", Clip),
    ("dinov2", DinoV2),
    ("digits", Digits),
    ("fashion-mnist", FashionMnist),
    ("classifier", TrainedClassifier),
    ("classic", Classic),
    ("modern", Modern),
    ("fid", metrics.FrechetDistance),
    ("fid_full", metrics.FullFrechetDistance),
    ("fid_blurred", metrics.BlurredFrechetDistance),
    ("fid_intra", metrics.IntraClassFrechetDistance),
    ("fid_infinity", ExtrapolatedFrechetDistance),
    ("is", metrics.InceptionScore),
    ("kid", metrics.KernelDistance),
    ("mind", MongeInceptionDistance),
    ("mode-coverage", metrics.ModeCoverage),
    ("perceptual-path-length", metrics.PerceptualPathLength),
)
