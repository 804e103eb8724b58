"""The data set of emoji."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from gankit import AbsolutePath, Dataset, LabelledImages, UserError
from gankit.core.files import parse_json, read_regular
from gankit.core.options import did_you_mean

if TYPE_CHECKING:
    import numpy as np

    from gankit.config.experiment import Experiment
    from gankit.data.image_reading import PixelBound

HOW_TO_GET = "`npm pack emoji-datasource-twitter` and `tar xzf` of what it writes make one, called package"
SIDE = 64
"""Height and width of the pictures in the package, in pixels."""


class Entry(NamedTuple):
    """One picture."""

    file: Path
    category: str


class Emoji(Dataset):
    """Emoji of a package of npm named emoji-datasource-..., unpacked: 3,786 pictures of 64x64 in that of Twitter.

    They are laid on a plain background, in the order of the package's emoji.json, each with its variations behind it.
    The pictures of emoji-datasource-twitter are Twemoji's, under CC BY 4.0; its index is under the MIT license.
    """

    path: AbsolutePath
    """The folder that holds emoji.json and img; a relative path starts from the current folder and is saved as an
    absolute one."""
    labels: bool = False
    """Give the categories of emoji.json as classes, in the order of the alphabet."""
    categories: list[str] | None = None
    """Those to train on, as in [Smileys & Emotion]; null: all."""
    variations: bool = True
    """Whether those that differ from others in the tone of a skin are among them."""
    background: int = Field(default=255, ge=0, le=255)
    """The grey that they are laid on, 255 white."""

    def image_channels(self) -> int:
        """RGB."""
        return 3

    def class_names(self) -> list[str]:
        """The categories that there are, in the order of the alphabet; none without labels.

        Raises:
            UserError: if emoji.json cannot be read.
        """
        return sorted({entry.category for entry in self._entries()}) if self.labels else []

    def class_count(self) -> int:
        """Number of categories, 0 without labels."""
        return len(self.class_names())

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """The categories must be those of the package, if it is there."""
        if self.categories is None or not (self.path / "emoji.json").is_file():
            return
        try:
            known = sorted({entry.category for entry in self._all})
        except UserError:  # said by `missing`
            return
        for name in self.categories:
            if name not in known:
                yield f"categories: there is none {name!r}.{did_you_mean(name, known) or f' There are: {known}.'}"

    def missing(self, experiment: Experiment) -> str | None:
        """The package, or pictures of it."""
        try:
            entries = self._entries()
        except UserError as problem:
            return str(problem)
        lost = [entry.file for entry in entries if not entry.file.is_file()]
        if lost:
            return f"{len(lost):,} of {len(entries):,} pictures are not there, {lost[0]} for one; unpack it again"
        return None

    def describe(self) -> str:
        """How many there are of each category."""
        from collections import Counter

        counts = Counter(entry.category for entry in self._entries())
        return f"{sum(counts.values()):,} emoji: " + ", ".join(f"{count:,} {name}" for name, count in counts.items())

    def load(self, resolution: int) -> LabelledImages:
        """All of them, uint8 [N, 3, resolution, resolution].

        Raises:
            UserError: if the package is missing, or one of its pictures cannot be read.
        """
        import numpy as np

        from gankit.data.image_reading import PixelBound

        entries, bound = self._entries(), PixelBound()
        images = np.empty((len(entries), 3, resolution, resolution), np.uint8)
        for number, entry in enumerate(entries):
            images[number] = self._picture(entry.file, resolution, bound)
        if not self.labels:
            return LabelledImages(images, None)
        numbers = {name: number for number, name in enumerate(self.class_names())}
        return LabelledImages(images, np.array([numbers[entry.category] for entry in entries], np.int64))

    def _picture(self, file: Path, resolution: int, bound: PixelBound) -> np.ndarray:
        """One picture [3, resolution, resolution], laid on the background before it is resized."""
        import numpy as np
        from PIL import Image

        from gankit.data.image_reading import open_image

        with open_image(file, bound) as opened:
            picture = opened.convert("RGBA")
        laid = Image.new("RGBA", picture.size, (self.background,) * 3 + (255,))
        laid.alpha_composite(picture)
        if laid.size != (resolution, resolution):
            laid = laid.resize((resolution, resolution), Image.Resampling.LANCZOS)
        return np.asarray(laid.convert("RGB")).transpose(2, 0, 1)

    def _entries(self) -> list[Entry]:
        """Those that are asked for.

        Raises:
            UserError: if there are none, or emoji.json cannot be read.
        """
        wanted = self.categories
        found = [entry for entry in self._all if wanted is None or entry.category in wanted]
        if not found:
            raise UserError(f"{self.path / 'emoji.json'} lists no emoji{'' if wanted is None else ' of categories'}")
        return found

    @cached_property
    def _all(self) -> list[Entry]:
        """All that the package lists, read once.

        Raises:
            UserError: if it cannot be read.
        """
        index = self.path / "emoji.json"
        if not index.is_file():
            inside = self.path / "package"
            hint = f"; did you mean {inside}?" if (inside / "emoji.json").is_file() else f": {HOW_TO_GET}"
            raise UserError(f"{self.path} is no unpacked package of emoji, as it has no emoji.json{hint}")
        pictures = sorted(self.path.glob(f"img/*/{SIDE}"))
        if len(pictures) != 1:
            there = f"{len(pictures)} such folders" if pictures else "none"
            raise UserError(f"{self.path}: pictures are to be in img/VENDOR/{SIDE}, and there is {there}: {HOW_TO_GET}")
        vendor = pictures[0].parent.name
        try:
            return [
                Entry(pictures[0] / each["image"], emoji["category"])
                for emoji in parse_json(read_regular(index))
                for each in self._with_variations(emoji)
                if each.get(f"has_img_{vendor}", True)
            ]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise UserError(f"{index}: is no index of emoji as the package has it: {problem!r:.200}") from None

    def _with_variations(self, emoji: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return [emoji, *(emoji.get("skin_variations", {}).values() if self.variations else ())]
