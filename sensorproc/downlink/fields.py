"""Declared record fields: big-endian, no padding, integers with power-of-two or decimal scales.

A record is declared once, as a list of :class:`Field`; packing, unpacking, sizes and documentation follow from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from sensorproc.errors import PacketError


@dataclass(frozen=True)
class Field:
    """One field: raw numpy type code, value of one raw unit (None: the raw value is the value), unit, meaning."""

    name: str
    code: str  # u1 u2 u4 u8 i1 i2 i4 i8 f4 f8 or S<n>
    scale: float | None
    unit: str
    meaning: str

    def encode(self, value: Any) -> Any:
        """Raw value; numbers beyond the field's range saturate at its ends."""
        kind, size, low, high = _layout(self.code)
        if kind == "S":
            raw = value if isinstance(value, bytes) else str(value).encode("ascii", "replace")
            return raw[:size]
        if kind == "f":
            return float(value)
        scaled = int(value) if self.scale is None else round(float(value) / self.scale)
        return min(max(scaled, low), high)

    def decode(self, raw: Any) -> Any:
        """Value of a raw one, as plain Python."""
        if isinstance(raw, bytes):
            return raw
        return raw.item() if self.scale is None else raw.item() * self.scale


@cache
def _layout(code: str) -> tuple[str, int, int, int]:
    """Kind of a raw type code, its bytes, and the least and the largest number of an integer (0 of other kinds)."""
    dtype = np.dtype(">" + code)
    info = np.iinfo(dtype) if dtype.kind in "iu" else None
    return dtype.kind, dtype.itemsize, int(info.min) if info else 0, int(info.max) if info else 0


class RecordType:
    """A named, fixed-size sequence of fields."""

    def __init__(self, name: str, apid: int, fields: Sequence[Field]):
        self.name, self.apid, self.fields = name, apid, tuple(fields)
        self.dtype = np.dtype([(f.name, ">" + f.code) for f in fields])
        self.size_bytes = self.dtype.itemsize
        self.names = frozenset(f.name for f in fields)

    def pack(self, values: dict[str, Any]) -> bytes:
        """Bytes of one record.

        Raises
        ------
        PacketError
            If a field is missing or unknown.
        """
        if self.names != values.keys():
            raise PacketError(f"{self.name} record: fields differ: {sorted(self.names ^ set(values))}")
        return np.array([tuple(f.encode(values[f.name]) for f in self.fields)], self.dtype).tobytes()

    def stamped(self, record: bytes, name: str, value: Any) -> bytes:
        """A packed record with one field set anew."""
        row = np.frombuffer(record, self.dtype).copy()
        row[name] = next(field for field in self.fields if field.name == name).encode(value)
        return row.tobytes()

    def unpack(self, data: bytes) -> list[dict[str, Any]]:
        """All records in ``data``, whose length must be a multiple of the record size."""
        if len(data) % self.size_bytes:
            raise PacketError(f"{self.name}: {len(data)} bytes are no multiple of {self.size_bytes}")
        rows = np.frombuffer(data, self.dtype)
        return [{f.name: f.decode(row[f.name]) for f in self.fields} for row in rows]
