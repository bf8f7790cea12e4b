"""
How a numeric loop is compiled, and when what was compiled before may be used again.

Numba keeps compiled code on disk, in the folder its own settings name (`NUMBA_CACHE_DIR`), beside
the source, or in the user's cache folder. By itself it looks whether the function's own file has
changed; but a loop calls those of other files, and takes in constants from them for good. Here the
code on disk is used only if no file has changed that the function's module imports, directly or by
way of others. Where no folder can be written, loops are compiled anew in every process.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import cast

import numba
from numba.core.caching import IndexDataCacheFile

if TYPE_CHECKING:
    from collections.abc import Callable

# An import statement of this package, in parentheses or to the end of the line.
_PACKAGE = __name__.partition(".")[0]
_ROOT = str(Path(__file__).parent)
_IMPORT = re.compile(
    rf"\b(?:from|import)[ \t]+{_PACKAGE}\b([\w.]*)(?:[ \t]+import[ \t]+(\([^)]*\)|.*))?"
)
_NAME = re.compile(r"\w+")
_MODULE_ENDS = (".py", os.sep + "__init__.py")


def compiled[F: Callable[..., Any]](function: F, *, is_inlined: bool = False) -> F:
    """
    Compile a function with numba on first use and keep the result on disk.

    Parameters
    ----------
    function : callable
        Of plain numbers, arrays and named tuples of them; `.py_func` is the plain function.
    is_inlined : bool, optional
        Compile it into those that call it: passing arrays costs more than a short loop.

    Returns
    -------
    callable
        The compiled function, typed as the original.

    """
    dispatcher = numba.njit(forceinline=is_inlined)(function)
    # Where numba is told not to compile it gives back the function itself.
    if dispatcher is not function:
        _keep_on_disk(dispatcher, function)
    return cast("F", dispatcher)


def inlined[F: Callable[..., Any]](function: F) -> F:
    """Compile a function into those that call it; see `compiled`."""
    return compiled(function, is_inlined=True)


def _keep_on_disk(dispatcher: Any, function: Callable[..., Any]) -> None:  # noqa: ANN401 - untyped numba
    try:
        dispatcher.enable_caching()
    except RuntimeError:
        # No folder can be written.
        return
    # Numba has no public way to say what else a function depends on.
    cache = dispatcher._cache  # noqa: SLF001 - numba has no public way
    digest = source_digest(function.__code__.co_filename)
    base = cache._impl.filename_base  # noqa: SLF001 - numba has no public way
    cache._cache_file = _DigestedFiles(cache.cache_path, base, digest)  # noqa: SLF001 - numba has no public way


class _DigestedFiles(IndexDataCacheFile):
    # Files named by what they were compiled from: those of other sources are never read, which
    # might name classes that are gone, and are removed when newer ones are written.
    def __init__(self, cache_path: str, base: str, digest: str) -> None:
        super().__init__(cache_path, f"{base}-{digest}", digest)  # type: ignore[no-untyped-call]
        self._old, self._digest = f"{base.rpartition('-')[0]}-*.nb[ic]", digest

    def save(self, key: Any, data: Any) -> None:  # noqa: ANN401 - as numba calls it
        super().save(key, data)  # type: ignore[no-untyped-call]
        for path in Path(self._cache_path).glob(self._old):
            if self._digest not in path.name:
                path.unlink(missing_ok=True)


@functools.cache
def source_digest(file: str) -> str:
    """
    Return a digest of `source_files`: sixteen hexadecimal digits.

    Parameters
    ----------
    file : str
        The path of a Python file.

    """
    digest = hashlib.sha256()
    for path in sorted(source_files(file)):
        digest.update(_read(path)[0])
    return digest.hexdigest()[:16]


def source_files(file: str) -> set[str]:
    """
    Return a source file and all files of this package that it imports, directly or not.

    Parameters
    ----------
    file : str
        The path of a Python file.

    Returns
    -------
    set of str
        Paths; among them some that an import might have meant and that do not exist.

    """
    found: set[str] = set()
    waiting = [file]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _read(path)[1]
    return found


@functools.cache
def _read(path: str) -> tuple[bytes, frozenset[str]]:
    # A file's digest, and the files of the package that its import statements may mean.
    try:
        content = Path(path).read_bytes()
    except OSError:
        return b"", frozenset()
    imported: set[str] = set()
    for module, names in _IMPORT.findall(content.decode(errors="replace")):
        stem = _ROOT + module.replace(".", os.sep)
        stems = (stem, *(f"{stem}{os.sep}{name}" for name in _NAME.findall(names)))
        imported.update(stem + end for stem in stems for end in _MODULE_ENDS)
    return hashlib.sha256(content).digest(), frozenset(imported)
