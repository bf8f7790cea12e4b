"""
Rows that come as an answer of Binance's REST interface: a JSON array of objects.

They are written out as lines without a header, one for each object, so that everything behind reads
and checks them as it does any other file. The text of a number stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from liq_nautilus.errors import SchemaError

if TYPE_CHECKING:
    from liq_nautilus.data.files.finding import SourceFile
    from liq_nautilus.data.kinds import Kind

_UNSAFE = (",", '"', "\n", "\r")


def lines_of_json(source: SourceFile, kind: Kind, raw: bytes) -> bytes:
    """
    Return the rows of a JSON array as lines of a file without a header.

    Parameters
    ----------
    source : SourceFile
        The file, for messages.
    kind : Kind
        Whose columns are taken; what an object lacks is empty.
    raw : bytes
        The JSON document.

    Raises
    ------
    SchemaError
        If it is no JSON array, or an empty one.

    """
    try:
        items = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        msg = f"{source.name} must be a JSON array of objects, {e}; fetch it again"
        raise SchemaError(msg, path=source.path) from e
    return "".join(f"{_line(item, kind)}\n" for item in items).encode()


def _line(item: msgspec.Raw, kind: Kind) -> str:
    try:
        fields = msgspec.json.decode(item, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        # No object is no row: a line that has no columns says so.
        return "no object"
    texts = {name.strip().lower(): _text(value) for name, value in fields.items()}
    found = []
    for column in kind.columns:
        names = [name for name in (column.name, *column.aliases) if name in texts]
        found.append(texts[names[0]] if names else "")
    return ",".join(found)


def _text(value: msgspec.Raw) -> str:
    raw = bytes(value)
    if raw == b"null":
        return ""
    try:
        text = msgspec.json.decode(raw, type=str) if raw[:1] == b'"' else raw.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "?"
    # Such signs stand in no value: what is left is refused as any other text.
    for sign in _UNSAFE:
        text = text.replace(sign, "?")
    return text
