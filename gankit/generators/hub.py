"""The Hugging Face Hub, where folders of exported generators are sent to and loaded from; needs gankit[huggingface]."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from gankit.core.errors import UserError
from gankit.core.renamed import one_line
from gankit.core.text import LONGEST_MESSAGE, printable, shortened

PREFIX = "hub:"
"""What a place begins with that is no path: hub:USER/NAME."""
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
NO_HUB = "hub: needs huggingface_hub: pip install 'gankit[huggingface]'"
SILENCE = 30.0
"""Seconds after which a server that says nothing counts as gone."""

T = TypeVar("T")


def repository_of(place: str) -> str | None:
    """USER/NAME of hub:USER/NAME; None if a place is a path.

    Raises:
        UserError: if it begins as the former does, and does not go on so.
    """
    if not place.startswith(PREFIX):
        return None
    name = place.removeprefix(PREFIX)
    if not REPOSITORY.fullmatch(name):
        raise UserError(f"{place}: expected hub:USER/NAME, as a repository of models is called on the Hugging Face Hub")
    return name


def download(repository: str, file: str) -> Path:
    """One file of a repository of models, kept in the cache of huggingface_hub; nothing else is fetched.

    Without a network it is taken from there.

    Raises:
        UserError: if there is no such file, or the Hub cannot be reached.
    """
    _require()
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    def fetch() -> str:
        try:
            about = HfApi().model_info(repository, timeout=SILENCE)  # asked once, where the rest would ask again
        except HfHubHTTPError:
            raise
        except Exception as failure:
            try:
                return hf_hub_download(repository, file, local_files_only=True)
            except OSError:
                raise failure from None
        if file not in {each.rfilename for each in about.siblings or ()}:
            raise UserError(f"{PREFIX}{repository}: there is no {file} in it, as gankit export puts there")
        return hf_hub_download(repository, file, etag_timeout=SILENCE)

    return Path(_asked(repository, fetch))


def require_token() -> None:
    """Look for the token of Hugging Face by which folders are sent.

    Raises:
        UserError: if there is none.
    """
    _require()
    from huggingface_hub import get_token

    if get_token() is None:
        raise UserError("hub: there is no token of Hugging Face here; type hf auth login, or set HF_TOKEN")


def upload(folder: Path, repository: str) -> str:
    """Send a folder to a repository of models, which is made if it is not there; files of the same names are replaced.

    Returns:
        Where it can be seen.

    Raises:
        UserError: if it is refused, or the Hub cannot be reached.
    """
    require_token()
    from huggingface_hub import create_repo, upload_folder

    def send() -> str:
        address = create_repo(repository, exist_ok=True)
        upload_folder(repo_id=repository, folder_path=folder, commit_message="Exported by gankit")
        return str(address)

    return _asked(repository, send)


def _asked(repository: str, ask: Callable[[], T]) -> T:
    """What the Hub answers.

    Raises:
        UserError: in one line, whatever goes wrong: libraries raise many kinds, and a network fails in many ways.
    """
    from huggingface_hub import get_session

    try:
        get_session().timeout = SILENCE  # by itself it waits without end for a network that swallows all
        return ask()
    except UserError:
        raise
    except Exception as failure:
        said = printable(shortened(one_line(failure), LONGEST_MESSAGE))
        raise UserError(f"{PREFIX}{repository}: the Hub cannot be reached or refuses: {said}") from None


def _require() -> None:
    if find_spec("huggingface_hub") is None:
        raise UserError(NO_HUB)
