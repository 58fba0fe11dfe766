"""A stretch of a file as a file of its own, as PyAV reads it: `read`, `seek`, `tell`."""

from __future__ import annotations

import errno
import os


class ByteRange:
    """`head`, and behind it the bytes `start` to `end` of the open file `fd`.

    It has no name, so that the name of a recording can never be taken for an address.
    """

    def __init__(self, fd: int, start: int, end: int, head: bytes = b"") -> None:
        self._fd = fd
        self._start = start
        self._head = head
        self._size = len(head) + max(end - start, 0)
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; b"" at the end. Raise OSError if the file has not so many."""
        left = self._size - self._at
        size = left if size < 0 else min(size, left)
        if size <= 0:
            return b""
        if self._at < len(self._head):
            content = self._head[self._at : self._at + size]
        else:
            content = os.pread(self._fd, size, self._start + self._at - len(self._head))
            if not content:
                raise cut_short()
        self._at += len(content)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to `offset` from the start, from here or from the end; return the place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        """Return the place, in bytes."""
        return self._at


def cut_short() -> OSError:
    """Return the error of a file that has become shorter since it was opened."""
    return OSError(errno.ENODATA, "it is shorter than it was")
