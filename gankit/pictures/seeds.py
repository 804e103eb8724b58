"""Seeds and other whole numbers as users write them: 0-99,120."""

from __future__ import annotations

from gankit.core.errors import UserError
from gankit.core.text import shortened
from gankit.generators import LARGEST_SEED

MOST_SEEDS = 10_000_000
"""Most seeds that one range such as `1-100` may expand to."""
LONGEST_TEXT = 60
"""Characters that are shown of one."""


def whole_numbers(text: str, option: str, noun: str = "seed", most: int = LARGEST_SEED) -> list[int]:
    """The numbers that a text such as 0-99,120 lists, in its order, each as often as it is listed.

    Args:
        text: Numbers and ranges, with commas between; a range includes both of its ends and may go down.
        option: What the text was given for, which messages begin with.
        noun: What one of the numbers is.
        most: The largest that is allowed.

    Raises:
        UserError: if it is no such text, or lists a number above `most` or more than MOST_SEEDS.
    """
    numbers: list[int] = []
    for piece in text.split(","):
        first, dash, last = piece.strip().partition("-")
        ends = [end.strip() for end in ((first, last) if dash else (first,))]
        if not all(end.isascii() and end.isdecimal() for end in ends):
            shown = shortened(text, LONGEST_TEXT)
            raise UserError(f"{option}: expected whole numbers and ranges of them, such as 0-99,120, not {shown!r}")
        too_large = [end for end in ends if len(end) > len(str(most)) or int(end) > most]
        if too_large:
            raise UserError(f"{option}: the largest {noun} is {most}, not {shortened(too_large[0], LONGEST_TEXT)}")
        low, high = int(ends[0]), int(ends[-1])
        if len(numbers) + abs(high - low) >= MOST_SEEDS:
            raise UserError(f"{option}: expected at most {MOST_SEEDS:,} {noun}s, not {shortened(text, LONGEST_TEXT)!r}")
        numbers += range(low, high + 1) if low <= high else range(low, high - 1, -1)
    return numbers
