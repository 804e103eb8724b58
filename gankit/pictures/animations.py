"""Frames as a film: a GIF, an MP4 or a folder of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import IO, Literal

import numpy as np

from gankit.core.errors import UserError
from gankit.core.files import written_at_once
from gankit.data.pictures import as_png, visible
from gankit.pictures.about import as_comment

FilmForm = Literal["gif", "mp4", "folder"]
"""What frames are written as."""
FASTEST_GIF = 50
"""Frames a second; most programs show faster ones slowly."""


def film_form(path: Path) -> FilmForm:
    """What a path is the name of, by its ending.

    Raises:
        UserError: if no film can be written there: it ends otherwise, it is a folder with something in it, or what MP4
            is written by is not installed.
    """
    ending = path.suffix.lower()
    if path.is_dir() or not ending:
        if path.is_dir() and any(path.iterdir()):
            raise UserError(f"-o: the folder {path} is not empty; name a new one for these frames")
        return "folder"
    if ending == ".gif":
        return "gif"
    if ending != ".mp4":
        raise UserError(f"-o: expected a file name that ends in .gif or .mp4, or a folder's name, not {path}")
    try:
        import av  # noqa: F401
    except ImportError:
        raise UserError("-o: MP4 is written by PyAV, which is missing: pip install 'gankit[video]'") from None
    return "mp4"


def write_film(
    path: str | Path, frames: Iterable[np.ndarray], rate: float, about: Mapping[str, str] | None = None
) -> int:
    """Write frames one after the other; none but a few are ever held.

    Args:
        path: A .gif, which is played over and over, a .mp4, or a folder for pictures 000000.png, 000001.png, ...
        frames: Each uint8 [H, W, C], all of one size.
        rate: Frames a second; a GIF counts in hundredths of a second, and has at most FASTEST_GIF.
        about: What made them: kept in each picture, as the comment of a GIF and of an MP4.

    Returns:
        How many there were.

    Raises:
        UserError: as `film_form` says, or if there are no frames; then nothing was written.
        OSError: if it cannot be written.
    """
    path = Path(path)
    form, about, count = film_form(path), dict(about or {}), 0
    frames = iter(frames)
    if (first := next(frames, None)) is None:  # which also tells what is wrong with them before a folder is made
        raise UserError("frames: expected one or more")

    def counted() -> Iterator[np.ndarray]:
        nonlocal count
        for frame in chain([first], frames):
            count += 1
            yield visible(frame)

    if form == "folder":
        path.mkdir(parents=True, exist_ok=True)
        for frame in counted():
            (path / f"{count - 1:06}.png").write_bytes(as_png(frame, about=about))
        return count
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_at_once(path) as file:
        (_write_gif if form == "gif" else _write_mp4)(file, counted(), rate, as_comment(about))
    return count


def _write_gif(file: IO[bytes], frames: Iterator[np.ndarray], rate: float, comment: str) -> None:
    """Pictures of at most 256 colours, those of each frame its own; grey ones as they are."""
    from PIL import Image

    pictures = (Image.fromarray(frame[:, :, 0] if frame.shape[2] == 1 else frame[:, :, :3]) for frame in frames)
    hundredths = max(round(100 / rate), 100 // FASTEST_GIF)
    next(pictures).save(
        file,
        format="GIF",
        save_all=True,
        append_images=pictures,
        duration=10 * hundredths,
        loop=0,
        comment=comment.encode(),
    )


def _write_mp4(file: IO[bytes], frames: Iterator[np.ndarray], rate: float, comment: str) -> None:
    """H.264, whose frames have an even number of rows and columns: the last is repeated where there is an odd one."""
    from fractions import Fraction

    import av

    first = next(frames)
    with av.open(file, "w", format="mp4") as container:
        container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000), options={"crf": "16"})
        stream.height, stream.width = (side + side % 2 for side in first.shape[:2])
        stream.pix_fmt = "yuv420p"
        for frame in chain([first], frames):
            padding = [(0, side % 2) for side in frame.shape[:2]]
            colours = np.broadcast_to(frame[:, :, :3], (*frame.shape[:2], 3))
            picture = av.VideoFrame.from_ndarray(np.pad(colours, [*padding, (0, 0)], mode="edge"), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
