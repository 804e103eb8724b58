"""The experiments that come with gankit."""

from __future__ import annotations

from pathlib import Path

from gankit.errors import UserError
from gankit.options import did_you_mean


def bundled_experiment(name: str) -> Path:
    """The file of the bundled experiment called `name`, such as "quickstart".

    Raises:
        UserError: if there is none.
    """
    package = Path(__file__).parent
    folders = [package / "experiments", package.parent / "experiments"]  # in a wheel, in a checkout
    for folder in folders:
        if (folder / f"{name}.yaml").is_file():
            return folder / f"{name}.yaml"
    names = sorted(file.stem for folder in folders for file in folder.glob("*.yaml"))
    hint = did_you_mean(name, names) or f" There are: {', '.join(names) or 'none'}."
    raise UserError(f"no experiment called {name!r} comes with gankit.{hint}")
