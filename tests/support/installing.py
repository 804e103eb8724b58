"""Distributions with plugins, installed in a folder as pip leaves them there."""

from __future__ import annotations

import json
from pathlib import Path

LIFT = '''"""A plugin."""

from __future__ import annotations

from pydantic import Field

from gankit import Loss, hookimpl


class Lift(Loss):
    """Lifts."""

    height: float = Field(default=1.0, gt=0)
    """How high."""

    def discriminator(self, real, fake):
        return (self.height - real).relu().mean() + fake.mean()

    def generator(self, fake, real):
        return -fake.mean()


@hookimpl
def gankit_register(register):
    register("lift", Lift)
'''


def install(
    site: Path,
    distribution: str,
    module: str,
    text: str = LIFT,
    name: str = "",
    requires: str = "",
    editable: bool = False,
) -> None:
    """Install a distribution with one plugin, which is one module.

    Args:
        site: The folder, which has to be on the path.
        distribution: Its name; the version is 1.0.
        module: The module's name.
        text: The module.
        name: The plugin's name; default: the module's.
        requires: What it asks for.
        editable: Whether it says that it was installed in place.
    """
    (site / f"{module}.py").write_text(text)
    info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    asked = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n{asked}")
    (info / "entry_points.txt").write_text(f"[gankit.plugins]\n{name or module} = {module}\n")
    if editable:
        (info / "direct_url.json").write_text(json.dumps({"url": "file:///x", "dir_info": {"editable": True}}))
