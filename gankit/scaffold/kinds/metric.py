from gankit import Metric, hookimpl
from pydantic import Field


class ExampleMetric(Metric):
    """How far generated images are from reals in the share of pixels that are bright; 0 is best."""

    needs = frozenset({"images"})
    has_floor = True

    level: int = Field(default=128, ge=0, le=254)
    """A pixel is bright above this level, of 0 to 255."""

    def evaluate(self, samples) -> dict[str, float]:
        """One number, `brightness_gap`, from 0 to 1."""
        generated, real = ((seen.images > self.level).double().mean() for seen in (samples.generated, samples.real))
        return {"brightness_gap": float((generated - real).abs())}


@hookimpl
def gankit_register(register):
    register("example", ExampleMetric)
