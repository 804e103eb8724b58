import torch
from gankit.testing import conformance

from gankit_squared_hinge import SquaredHinge

test_conformance = conformance("gankit_squared_hinge")


def test_only_scores_short_of_the_margin_count_and_they_count_squared():
    loss = SquaredHinge(margin=2)
    real, fake = torch.tensor([5.0, 2.0, -1.0, 1.0]), torch.tensor([-5.0, -2.0, 0.0, 0.0])
    assert loss.discriminator(real, fake) == (0 + 0 + 9 + 1) / 4 + (0 + 0 + 4 + 4) / 4
    assert loss.generator(fake, None) == 7 / 4
