"""The memory frames wait in: real arrays, allocated at start, in which particles flip real bits.

With error correction (SECDED over words of 64 bits) one wrong bit in a word is mended when it is read or scrubbed, and more are
seen. Without it, a CRC taken when the frame was written tells. Either way a frame with a wrong pixel is not used.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace

import numpy as np

from firmware_sim.board.bits import crc_of
from sensorproc.errors import InputError
from sensorproc.frames import Frame

WORD_BITS = 64


@dataclass
class Slot:
    """Room for one frame's pixels; ``wrong`` bits by word, as they were flipped."""

    pixels: np.ndarray  # (n,) uint16, a whole number of words
    owner: int = -1  # frame set, -1: free
    crc: int = 0
    n_px: int = 0
    wrong: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))


class FrameArena:
    """A fixed number of slots. Counters: words corrected, words with more than one wrong bit."""

    def __init__(self, n_slots: int, frame_px: int, has_edac: bool):
        n = -(-frame_px // 4) * 4
        self._store = np.zeros((n_slots, n), np.uint16)
        self.slots = [Slot(row) for row in self._store]
        self.has_edac = has_edac
        self.n_corrected = self.n_uncorrectable = 0

    @property
    def n_bits(self) -> int:
        return self._store.size * 16

    def write(self, frame: Frame, owner: int) -> tuple[Frame, int] | None:
        """The frame with its pixels in a slot of a set, and the slot's number; None if there is none free.

        Raises
        ------
        InputError
            If its pixels are no whole numbers of 16 bits, of which a slot is made.
        """
        if frame.data_dn.dtype != np.uint16:
            raise InputError(f"{frame.source}: memory of a flight with faults holds whole numbers of 16 bits")
        number = next((k for k, slot in enumerate(self.slots) if slot.owner < 0), None)
        if number is None or frame.data_dn.size > len(self.slots[0].pixels):
            return None
        slot = self.slots[number]
        slot.owner, slot.n_px = owner, frame.data_dn.size
        slot.pixels[: slot.n_px] = frame.data_dn.ravel()
        slot.wrong.clear()
        slot.crc = crc_of(slot.pixels[: slot.n_px])
        view = slot.pixels[: slot.n_px].reshape(frame.data_dn.shape)
        view.setflags(write=False)
        return replace(frame, data_dn=view), number

    def mends(self, n_wrong: int) -> bool:
        """Whether so many wrong bits of one word of any other memory are mended when it is read, and counted."""
        is_mended = self.has_edac and n_wrong == 1
        self.n_corrected += is_mended
        return is_mended

    def read(self, number: int) -> bool:
        """Whether a slot's pixels are what was written; single wrong bits are mended on the way."""
        slot = self.slots[number]
        if self.has_edac:
            self._mend(slot)
            return not slot.wrong
        return crc_of(slot.pixels[: slot.n_px]) == slot.crc

    @property
    def n_held(self) -> int:
        """Slots in use."""
        return sum(slot.owner >= 0 for slot in self.slots)

    def release(self, owner: int) -> None:
        """Free the slots of a set."""
        for slot in self.slots:
            if slot.owner == owner:
                slot.owner = -1
                slot.wrong.clear()

    def scrub(self) -> None:
        """Mend what can be mended, everywhere."""
        for slot in self.slots if self.has_edac else ():
            self._mend(slot)

    def flip(self, bit: int, n_adjacent: int = 1) -> int:
        """Flip bits of one word from a place in the whole arena on; the frame set that holds them, -1 if none does."""
        row, within = divmod(bit % self.n_bits, self._store.shape[1] * 16)
        word, first = divmod(within, WORD_BITS)
        slot = self.slots[row]
        for k in range(n_adjacent):
            place = (first + k) % WORD_BITS
            slot.pixels[word * 4 + place // 16] ^= np.uint16(1 << place % 16)
            slot.wrong[word] ^= {place}
        if not slot.wrong[word]:
            del slot.wrong[word]
        return slot.owner

    def _mend(self, slot: Slot) -> None:
        for word in [word for word, bits in slot.wrong.items() if len(bits) == 1]:
            (place,) = slot.wrong.pop(word)
            slot.pixels[word * 4 + place // 16] ^= np.uint16(1 << place % 16)
            self.n_corrected += 1
        self.n_uncorrectable += len(slot.wrong)
