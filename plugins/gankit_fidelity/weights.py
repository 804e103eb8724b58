"""Files of weights that their authors publish: what they are, and where they are found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Published(NamedTuple):
    """A file of weights on the network."""

    name: str
    """What their network is called in the protocol of a number, as torch-fidelity calls it."""
    side: int
    """Height and width that their network's images are resized to, in pixels."""
    url: str
    file: str
    """What torch's cache of downloads calls it."""
    sha256: str | None = None
    """Of the whole file, if its authors say."""

    @property
    def path(self) -> Path:
        """Where torch's cache has it, or would have it."""
        return hub_folder() / "checkpoints" / self.file

    def download(self) -> None:
        """Put it into torch's cache.

        Raises:
            OSError: if nobody answers, or there is no room for it.
            http.client.HTTPException: if the answer is none.
            RuntimeError: if its hash is wrong.
        """
        from torch.hub import download_url_to_file

        self.path.parent.mkdir(parents=True, exist_ok=True)
        download_url_to_file(self.url, str(self.path), self.sha256)


INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_FILE}"
"""Where torch-fidelity has the weights from: TensorFlow's own of 2015, which all published FIDs rest on."""

INCEPTION = Published("inception-v3", 299, INCEPTION_URL, INCEPTION_FILE)


class ClipModel(NamedTuple):
    """One of OpenAI's models of images and text."""

    file: str
    sha256: str
    size: int
    """Height and width that images are resized to, in pixels."""
    parameters: int
    """Of the network that sees images; they tell the models apart."""

    def published(self, name: str) -> Published:
        """The weights of the model called `name`, where torch-fidelity downloads them from and puts them."""
        url = f"https://openaipublic.azureedge.net/clip/models/{self.sha256}/{self.file}.pt"
        return Published(f"clip-{name}", self.size, url, f"clip-{name}-{self.sha256}.pt", self.sha256)


CLIP_MODELS = {
    "rn50": ClipModel("RN50", "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762", 224, 38_316_896),
    "rn101": ClipModel("RN101", "8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599", 224, 56_259_936),
    "rn50x4": ClipModel("RN50x4", "7e526bd135e493cef0776de27d5f42653e6b4c8bf9e0f653bb11773263205fdd", 288, 87_137_080),
    "rn50x16": ClipModel(
        "RN50x16", "52378b407f34354e150460fe41077663dd5b39c54cd0bfd2b27167a4a06ec9aa", 384, 167_328_912
    ),
    "rn50x64": ClipModel(
        "RN50x64", "be1cfb55d75a9666199fb2206c106743da0f6468c9d327f3e0d0a543a9919d9c", 448, 420_380_352
    ),
    "vit-b-32": ClipModel(
        "ViT-B-32", "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af", 224, 87_849_216
    ),
    "vit-b-16": ClipModel(
        "ViT-B-16", "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f", 224, 86_192_640
    ),
    "vit-l-14": ClipModel(
        "ViT-L-14", "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836", 224, 303_966_208
    ),
    "vit-l-14-336px": ClipModel(
        "ViT-L-14-336px", "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02", 336, 304_293_888
    ),
}
"""By the names that torch-fidelity gives them, without `clip-` (Radford et al. 2021)."""


class DinoModel(NamedTuple):
    """One of Meta's vision transformers for patches of 14x14 pixels."""

    letter: str
    width: int
    """Length of a token, and number of features."""
    depth: int
    """Blocks."""
    heads: int
    """Of each attention."""
    gated: bool = False
    """Whether the perceptron of a block is gated."""

    def published(self) -> Published:
        """The model's weights, where torch.hub downloads them from and puts them."""
        name = f"dinov2_vit{self.letter}14"
        url = f"https://dl.fbaipublicfiles.com/dinov2/{name}/{name}_pretrain.pth"
        return Published(f"dinov2-vit-{self.letter}-14", 224, url, f"{name}_pretrain.pth")


DINO_MODELS = {
    "vit-s-14": DinoModel("s", 384, 12, 6),
    "vit-b-14": DinoModel("b", 768, 12, 12),
    "vit-l-14": DinoModel("l", 1024, 24, 16),
    "vit-g-14": DinoModel("g", 1536, 40, 24, gated=True),
}
"""By the names that torch-fidelity gives them, without `dinov2-` (Oquab et al. 2023)."""


def hub_folder() -> Path:
    """Where torch.hub keeps its downloads, found without importing torch."""
    home = os.environ.get("TORCH_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch")
    return Path(os.path.expanduser(home)) / "hub"


def answers(url: str, seconds: float = 2.0) -> bool:
    """Whether a download from `url` can begin, found out in `seconds` at most; nothing is downloaded."""
    import threading
    from http.client import HTTPException
    from urllib.request import urlopen

    answered = threading.Event()

    def ask() -> None:
        try:
            urlopen(url, timeout=seconds).close()
        except (OSError, HTTPException):
            return
        answered.set()

    # a thread of its own, because looking up a name knows no time limit
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return answered.is_set()
