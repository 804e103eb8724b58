"""How commands end, for the shell and for programs."""

from __future__ import annotations

import errno

from gankit.core.errors import Interrupted, RunError, UserError

EXIT_CODES = {
    0: "all went well",
    1: "something could not be done or read though nothing is wrong with what was asked: a run could not go on, or was "
    "stopped by an observer, or measured nothing of what it was to measure; runs of a study failed, or could not be "
    "read; memory ran out, or a disk is full. Also where gankit diff finds that runs part",
    2: "a mistake in what was asked, in a file or on the command line, which is to be mended first",
    130: "interrupted (SIGINT); a run has saved its state, and goes on with gankit resume",
    141: "whoever read the output has closed it",
    143: "terminated (SIGTERM); a run has saved its state, and goes on with gankit resume",
}
"""What each exit code means."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What is said by a disk that takes no more."""


def exit_code_of(failure: BaseException) -> int:
    """The exit code of a command that was ended by `failure`."""
    if isinstance(failure, SystemExit):
        return failure.code if isinstance(failure.code, int) else int(failure.code is not None)
    if isinstance(failure, Interrupted):
        return failure.exit_code
    codes = {UserError: 2, RunError: 1, KeyboardInterrupt: 130, BrokenPipeError: 141}
    return next((code for kind, code in codes.items() if isinstance(failure, kind)), 1)
