"""What a Parquet file says of itself, read before a decoder sees it: a wrong footer can end the process in there."""

from __future__ import annotations

from typing import Any

_MAGIC, _LENGTH = b"PAR1", 4
_TAIL = len(_MAGIC) + _LENGTH
_DEEPEST = 16
_TRUE, _FALSE, _BYTE, _INTEGERS, _DOUBLE, _BINARY, _LISTS, _STRUCT = 1, 2, 3, (4, 5, 6), 7, 8, (9, 10), 12
"""Types of Thrift's compact protocol."""
_WIDTH, _MANY, _MORE, _LONGEST = 8, 15, 128, 63
"""Bytes of a double; a list of so many or more has a length of its own; a byte of a number that goes on; bits of the longest."""
_GROUPS, _COLUMNS, _ABOUT, _CODEC = 4, 1, 3, 4
"""Numbers of the fields: row groups of a file, columns of one, what is known of one, its compression."""


def compressions(content: bytes) -> set[int]:
    """Return the numbers of the compressions of all columns in a Parquet file.

    Raises:
        ValueError: the footer is no such record, or names a field twice.
    """
    length = int.from_bytes(content[-_TAIL : -len(_MAGIC)], "little")
    if content[-len(_MAGIC) :] != _MAGIC or not 0 < length <= len(content) - _TAIL:
        raise ValueError("no footer")
    about = _Reader(content[-_TAIL - length : -_TAIL]).struct(0)
    try:
        return {int(column[_ABOUT][_CODEC]) for group in about[_GROUPS] for column in group[_COLUMNS]}
    except (KeyError, TypeError) as error:
        raise ValueError("a footer without its columns") from error


class _Reader:
    """Thrift's compact protocol: fields by number, of whatever type they are."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def struct(self, depth: int) -> dict[int, Any]:
        if depth > _DEEPEST:
            raise ValueError("too deep")
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            if number in found:
                raise ValueError(f"field {number} twice")
            kind = head & 15
            found[number] = kind == _TRUE if kind in {_TRUE, _FALSE} else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in {_TRUE, _FALSE, _BYTE}:
            return self._byte()
        if kind in _INTEGERS:
            return self._integer()
        if kind in {_DOUBLE, _BINARY}:
            return self._bytes(_WIDTH if kind == _DOUBLE else self._unsigned())
        if kind in _LISTS:
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        raise ValueError(f"type {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 < _MANY else self._unsigned()
        if depth > _DEEPEST or count > len(self._content):
            raise ValueError(f"{count} entries")
        return [self._value(head & 15, depth + 1) for _ in range(count)]

    def _bytes(self, n: int) -> bytes:
        self._at += n
        if self._at > len(self._content):
            raise ValueError("it ends too early")
        return self._content[self._at - n : self._at]

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte % _MORE) << shift
            shift += 7
            if byte < _MORE:
                return value
            if shift > _LONGEST:
                raise ValueError("a number that is too long")

    def _integer(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)
