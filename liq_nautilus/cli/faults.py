"""Tells failures of the world, such as a full disk, from defects of the program."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING
from typing import Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# Libraries written in other languages hand the system's number on in their text.
_NUMBER_IN_TEXT: Final = re.compile(r"(?:errno|os error) (\d+)", re.IGNORECASE)
_TEXTS: Final = {
    "No space left on device": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "Read-only file system": errno.EROFS,
    "Permission denied": errno.EACCES,
    "Too many open files": errno.EMFILE,
}
_ADVICE: Final = {
    errno.ENOSPC: "there must be space on the disk, none was left; make room and run it again",
    errno.EDQUOT: "there must be space on the disk, the quota is used up; make room, run it again",
    errno.EROFS: "the place must be writable, it is on a read-only file system; choose another",
    errno.EACCES: "the place must be open to this user, permission was denied; check its rights",
    errno.EPERM: "the place must be open to this user, permission was denied; check its rights",
    errno.EMFILE: "more files must be open at once than is allowed; raise the limit (ulimit -n)",
    errno.ENFILE: "more files must be open at once than the system lets; end other programs",
    errno.EIO: "the disk must be readable and writable, it failed; check it",
    errno.EPIPE: "the output must be read to its end, its reader had ended",
}


def fault_of_the_world(error: BaseException) -> str | None:
    """
    Return what failed outside the program, and what to do.

    Parameters
    ----------
    error : BaseException
        What was raised; its causes are looked through as well.

    Returns
    -------
    str or None
        None if the failure is none of the world.

    """
    if isinstance(error, MemoryError):
        return "the data must fit into memory, it did not; ask for a shorter window"
    for cause in _causes(error):
        number = _number_of(cause)
        if number in _ADVICE:
            name = getattr(cause, "filename", None)
            return f"{name}: {_ADVICE[number]}" if name else _ADVICE[number]
        if isinstance(cause, OSError) and number is not None:
            return f"the system refused: {cause}; check the path and the disk"
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _number_of(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    text = str(error)
    found = _NUMBER_IN_TEXT.search(text)
    if found is not None:
        return int(found[1])
    return next((number for words, number in _TEXTS.items() if words in text), None)
