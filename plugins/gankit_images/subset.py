"""Some classes of another data set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PrivateAttr

from gankit import Dataset, LabelledImages, Many, UserError
from gankit.core.options import did_you_mean
from gankit.core.text import listed, shortened

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment


LONGEST = 80
"""Characters of the names of classes where what is kept is listed."""


class Subset(Dataset):
    """Some classes of another data set, which are all there is: they are trained on, split and measured against.

    Classes keep their names and are numbered from 0 in their old order. Of a folder nothing but their images is
    decoded; what other sets have prepared is copied in the cache.
    """

    of: Dataset
    """The whole data set, with labels, as in {use: folder, path: animals, labels: true}."""
    classes: Annotated[Many[Annotated[int, Field(ge=0)] | str], Field(min_length=1)]
    """Their names, or their numbers in the whole: [cats, dogs] or [0, 3]. Where names are numbers too, names stand in
    quotes: ["10"]."""
    labels: bool = True
    """false: train without labels, as on a single class."""

    _known: tuple[str, ...] | None = PrivateAttr(None)
    """Those that a run began with."""

    def image_channels(self) -> int:
        """Channels of the whole data set."""
        return self.of.image_channels()

    def own_height(self) -> int | None:
        """That of the whole data set."""
        return self.of.own_height()

    def aspect(self) -> float:
        """Aspect of the whole data set."""
        return self.of.aspect()

    def class_count(self) -> int:
        """How many are chosen, or 0 without labels."""
        return len(self.class_names())

    def class_names(self) -> list[str]:
        """The chosen ones, in the order that they have in the whole; none without labels.

        Raises:
            UserError: if the whole has not all of them, or its classes cannot be found out.
        """
        return self._numbered() if self.labels else []

    def with_classes(self, names: Sequence[str] | None) -> Self:
        """With these classes, as far as they are chosen."""
        if names is None or not self.labels:
            return self
        data = self.model_copy()
        data._known = tuple(names)
        return data

    def describe(self) -> str | None:
        """What the whole says of the chosen ones, if it finds its classes itself.

        Raises:
            UserError: see `class_names`.
        """
        return self.of.with_classes(self._chosen()).describe()

    def test_part(self) -> Self | None:
        """The whole's images for testing, of these classes alone."""
        test = self.of.test_part()
        return None if test is None else self.model_copy(update={"of": test})

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Refuse classes that the whole has not."""
        if self.of.missing(experiment) is None:
            try:
                self._numbered()
            except UserError as problem:
                yield str(problem)

    def load(self, resolution: int) -> LabelledImages:
        """The images of the chosen classes, in the order of the whole.

        Raises:
            UserError: if the whole cannot be read, or has no image of any of them.
        """
        import numpy as np

        from gankit_images.chosen import chosen_images

        numbered, chosen = self._numbered(), self._chosen()
        whole = self.of.with_classes(chosen)
        loaded = whole.load(resolution)
        assert loaded.labels is not None
        number_of = {name: numbered.index(name) for name in chosen}
        labels = np.array([number_of.get(name, -1) for name in whole.class_names()], np.int64)[loaded.labels]
        positions = np.flatnonzero(labels >= 0)
        if not len(positions):
            raise UserError(f"there is no image of the classes {', '.join(chosen)}")
        what = f"{type(self.of).__name__.lower()}: {shortened(', '.join(chosen), LONGEST)}"
        return chosen_images(loaded, positions, labels[positions] if self.labels else None, what)

    def _numbered(self) -> list[str]:
        """The classes in the order of their numbers: those of the run, or else those that are chosen."""
        return self._named() if self._known is None else [*self._known]

    def _chosen(self) -> list[str]:
        """The classes of which there are images: not all of the run's, if it is measured against fewer."""
        if self._known is None:
            return self._named()
        try:
            named = self._named()
        except UserError:  # the whole has changed since the run began
            return [*self._known]
        return named if {*named} <= {*self._known} else [*self._known]

    def _named(self) -> list[str]:
        """What `classes` names."""
        names = [*self.of.class_names()]
        if not names:
            raise UserError("of: it has no classes to choose from; give it labels, as by labels: true")
        numbers = {_number(chosen, names) for chosen in self.classes}
        return [names[number] for number in sorted(numbers)]


def _number(chosen: int | str, names: Sequence[str]) -> int:
    """The number of the class that `chosen` names.

    Raises:
        UserError: if there is none, or two may be meant.
    """
    if isinstance(chosen, str):
        if chosen in names:
            return names.index(chosen)
        hint = did_you_mean(chosen, names) or f" There are: {listed(names)}."
        raise UserError(f"classes: there is no class {chosen!r}.{hint}")
    if chosen >= len(names):
        raise UserError(f"classes: there is no class number {chosen}; they are 0 to {len(names) - 1}: {listed(names)}")
    if str(chosen) in names and names[chosen] != str(chosen):
        raise UserError(
            f"classes: {chosen} may be the name of class {names.index(str(chosen))} or the number of class "
            f'{names[chosen]!r}; write the one that is meant by its name: "{chosen}" or "{names[chosen]}"'
        )
    return chosen
