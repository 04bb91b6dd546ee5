"""All memory of a run: what the payload carries from one frame set to the next, explicit and digested."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from sensorproc.geometry import Camera
from sensorproc.onboard.products import freeze

FADING = 0.97  # What earlier sets have shown counts so much less with every set: about thirty are remembered.


@dataclass(frozen=True, eq=False)
class Optics:
    """Scale and distortion of a camera, and the inverse covariance (17, 17) of its relative scale and 16 coefficients that
    stars have given so far."""

    ifov_rad: float
    parity: int
    distortion: tuple[float, ...]
    information: np.ndarray

    def applied(self, camera: Camera) -> Camera:
        """The camera with these optics."""
        return replace(camera, ifov_rad=self.ifov_rad, parity=self.parity, distortion=self.distortion)


@dataclass(frozen=True, eq=False)
class LearntDark:
    """Dark pattern that sets without a map have shown: ``dark_e_s`` (ny, nx) float32 [e-/s] at the temperature of the first, less
    its mean over the surroundings, and ``information`` (ny, nx) float32, the inverse of its variance [s^2/e-^2]."""

    dark_e_s: np.ndarray
    information: np.ndarray

    def __post_init__(self) -> None:
        freeze(self.dark_e_s, self.information)


def learnt_of(learnt: LearntDark | None, shape: tuple[int, int]) -> LearntDark | None:
    """What was learnt, if it was of frames of this ``shape`` (ny, nx)."""
    return learnt if learnt is not None and learnt.dark_e_s.shape == shape else None


@dataclass(frozen=True, eq=False)
class PayloadState:
    """Dark map and bad pixels of one detector, and how often its searches have found what is not there.

    ``dark_e_s`` (ny, nx) float32 [e-/s] or None: the map that the ground gave; ``learnt`` what the sets have shown where it gave
    none; ``bad`` (ny, nx) uint8 :class:`~sensorproc.flags.PixelFlag` or None; ``n_sets`` frame sets processed so far;
    ``null_found`` tracks of null searches where ``null_expected`` were expected, older sets fading; ``warm_snr`` (ny, nx) float32
    or None: the lasting excess of every pixel over what is known of it, over the sets whose stars swept the detector, older ones
    fading; ``optics`` scale and distortion as stars have shown them.
    """

    dark_e_s: np.ndarray | None = None
    bad: np.ndarray | None = None
    n_sets: int = 0
    null_found: float = 0.0
    null_expected: float = 0.0
    warm_snr: np.ndarray | None = None
    optics: Optics | None = None
    learnt: LearntDark | None = None

    def __post_init__(self) -> None:
        freeze(*(array for array in (self.dark_e_s, self.bad, self.warm_snr) if array is not None))

    def with_calibration(self, dark_e_s: np.ndarray | None, bad: np.ndarray | None) -> "PayloadState":
        """The state with maps of the ground in the place of its own, as far as they are given."""
        return replace(self, dark_e_s=self.dark_e_s if dark_e_s is None else dark_e_s, bad=self.bad if bad is None else bad)

    def dark_charge(self, shape: tuple[int, int], exposure_s: float) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Dark charge [e-] of every pixel by the ground's map, or as learnt, and the error of what was learnt; None where nothing
        is known of frames of this ``shape``."""
        if self.dark_e_s is not None:
            return self.dark_e_s * np.float32(exposure_s), None
        learnt = learnt_of(self.learnt, shape)
        if learnt is None:
            return None, None
        known = learnt.information > 0.0
        sigma = np.where(known, exposure_s / np.sqrt(np.where(known, learnt.information, 1.0)), 0.0)
        return learnt.dark_e_s * np.float32(exposure_s), sigma.astype(np.float32)

    def digest(self) -> bytes:
        """First 8 bytes of SHA-256 over the content."""
        content = hashlib.sha256(f"{self.n_sets} {self.null_found!r} {self.null_expected!r}".encode())
        learnt = (self.learnt.dark_e_s, self.learnt.information) if self.learnt is not None else ()
        for array in (self.dark_e_s, self.bad, self.warm_snr, *learnt):
            content.update(b"-" if array is None else repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        if self.optics is not None:
            numbers = [self.optics.ifov_rad, self.optics.parity, *self.optics.distortion]
            content.update(np.array(numbers, float).tobytes() + np.ascontiguousarray(self.optics.information).tobytes())
        return content.digest()[:8]

    def after_set(
        self,
        null_found: float = 0.0,
        null_expected: float = 0.0,
        warm_snr: np.ndarray | None = None,
        optics: Optics | None = None,
        learnt: LearntDark | None = None,
    ) -> "PayloadState":
        """State for the next frame set, with what this one's null searches found and should have, the new maps if any, and the
        optics as they are now known."""
        return replace(
            self,
            n_sets=self.n_sets + 1,
            null_found=FADING * self.null_found + null_found,
            null_expected=FADING * self.null_expected + null_expected,
            warm_snr=self.warm_snr if warm_snr is None else warm_snr,
            optics=optics or self.optics,
            learnt=learnt or self.learnt,
        )
