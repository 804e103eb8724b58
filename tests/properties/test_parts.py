"""P14: a batch that is computed in parts is updated by as the whole batch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.parts import double_precision, largest_difference, unmixed, with_steady_steps, with_training
from support.properties import holds
from support.systems import counts, experiments, trainer


@holds("P14", examples=3)
@given(data=st.data(), size=st.integers(1, 2))
def test_micro_batches_make_the_update_of_the_whole_batch(system: str, data: st.DataObject, size: int) -> None:
    """Noise, mixing, mirroring, lazy penalties and generators' larger batches included, through growth and fades."""
    drawn = with_steady_steps(unmixed(data.draw(experiments(system))))
    experiment = with_training(drawn, batch={resolution: 4 for resolution in drawn.training.batch})
    count = data.draw(counts(experiment))
    with double_precision():
        whole = trainer(experiment, count)
        parts = trainer(with_training(experiment, micro_batch={0: size}), count)
        for _ in range(4):
            recorded, of_parts = whole.iteration(), parts.iteration()
            assert recorded.keys() == of_parts.keys()
            for name, scalar in recorded.items():
                assert abs(float(scalar) - float(of_parts[name])) < 1e-6 * max(1, abs(float(scalar)))
    assert largest_difference(whole, parts) < 1e-9
