r"""How nginx and Apache escape in their logs: `\xHH`, `\"`, `\\`, `\n`.

Neither ever escapes printable ASCII but `"` and the backslash.
"""

from __future__ import annotations

import re
from typing import Final

from sentinel.formats.base import fold

_ESCAPE: Final = re.compile(rb'\\(?:x([01][0-9a-fA-F]|22|5[cC]|7[fF]|[89a-fA-F][0-9a-fA-F])|(["\\abfnrtv]))')
_LETTERS: Final = {
    bytes((letter,)): bytes((meant,)) for letter, meant in zip(b'"\\abfnrtv', b'"\\\a\b\f\n\r\t\v', strict=True)
}

FOLD_SIGNS: Final = (
    rb"(?:\xe2|\\xe2)(?:\x84|\\x84)(?:\xaa|\\xaa)",
    rb"(?:\xc4|\\xc4)(?:\xb0|\\xb0)",
    rb"(?:\xc5|\\xc5)(?:\xbf|\\xbf)",
)
"""The signs of every format, where each of their bytes may be escaped too."""


def undo(written: bytes) -> bytes:
    """The value as it is meant."""
    return _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()) if match[1] else _LETTERS[match[2]], written)


def undo_in_records(records: bytes) -> bytes:
    """Records, one a line, folded; after one with a backslash what it is with nothing escaped, a newline as a space."""
    if b"\\" not in records:
        return fold(records)
    return b"\n".join(
        fold(record) + b"\x00" + fold(undo(record).replace(b"\n", b" ")) if b"\\" in record else fold(record)
        for record in records.split(b"\n")
    )
