"""Our renderer beside SatSim: first and second moments of background, noise and star images in a matched configuration.

Usage: python -m benchmarks.studies.satsim_moments FOLDER     (a SatSim recording with truth.json and truth_stars.csv.gz)
"""

import argparse
import csv
import gzip
import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import optimize
from scipy.special import ndtr

from firmware_sim.scenarios.scenario import load
from firmware_sim.scene.render import Renderer
from sensorproc.catalog.stars import shipped
from sensorproc.conventions import FWHM_PER_SIGMA
from sensorproc.recording import open_recording

MARGIN_PX, ACROSS_PX, BEYOND_PX = 40, 7, 6
BRIGHT, FAINT = 8.5, 10.8
APART_PX = 30


class Star(NamedTuple):
    """Ends of a trail [px] and the magnitude the camera sees."""

    x0: float
    y0: float
    x1: float
    y1: float
    mag: float


def satsim(folder: Path) -> tuple[list[np.ndarray], list[list[Star]], dict]:
    """Frames [e-], their stars, and the facts both sides share."""
    meta = json.loads((folder / "meta.json").read_text())
    truth = json.loads((folder / "truth.json").read_text())
    recording = open_recording(folder)
    frames = [
        (e.frame(k).data_dn.astype(float) - meta["bias_dn"]) * meta["gain_e_per_dn"] for k, e in enumerate(recording.entries)
    ]
    stars: list[list[Star]] = [[] for _ in frames]
    with gzip.open(folder / "truth_stars.csv.gz", "rt") as lines:
        for row in csv.DictReader(lines):
            stars[int(row["frame"])].append(Star(*(float(row[k]) for k in ("x0", "y0", "x1", "y1", "mag"))))
    return frames, stars, meta | {"sky_e": truth["frames"][0]["sky_e"], "n_cr": truth["frames"][0]["n_cr"], **truth["sensor"]}


def ours(meta: dict, fwhm_px: float) -> tuple[list[np.ndarray], list[list[Star]]]:
    """The same sensor, sky level, exposure and hits, in our renderer, with the effects SatSim's set has and no others."""
    per_s = meta["sky_e"] / meta["exposure_s"]
    sky_mag = meta["zp"] - 2.5 * math.log10(per_s / meta["ifov_arcsec"] ** 2)
    sensor = {
        "shape_px": meta["shape"],
        "exposure_s": meta["exposure_s"],
        "cadence_s": meta["cadence_s"],
        "ifov_arcsec": meta["ifov"],
        "gain_e_per_dn": meta["gain"],
        "read_noise_e": meta["read"],
        "bias_dn": float(meta["bias"]),
        "full_well_e": meta["fwc"],
        "zeropoint_mag": meta["zp"],
        "psf_fwhm_px": fwhm_px,
    }
    scene = {
        "n_frames": 2,
        "sky": {"brightness_mag_arcsec2": sky_mag, "colour_term": 0.0},
        "detector": {"overscan_columns": 0, "dark_e_s": meta["dark"], "prnu": meta["prnu"], "bad_columns": 0},
        "stray_light": {"sun": 0.0, "arc": 0.0, "earth": 0.0},
        "radiation": {"hits_per_frame": float(meta["n_cr"])},
    }
    made = Renderer(load("empty_sky", None, {"payload": {"sensor": sensor}, "scene": scene}).scene, shipped())
    frames, stars = [], []
    for k in range(2):
        frames.append((made.expose(k).data_dn.astype(float) - meta["bias"]) * meta["gain"])
        paths = made._star_paths(k * meta["cadence_s"] - made.middle_s, k)
        stars.append([Star(*a, *b, m) for a, b, m in zip(paths[0], paths[-1], made.stars.seen_mag, strict=True)])
    return frames, stars


def moments(frames: list[np.ndarray], stars: list[list[Star]], meta: dict) -> dict[str, float]:
    """Background and noise from pairs of frames, and mean star images."""
    level = float(np.median(frames[0]))
    difference = frames[1] - frames[0]
    noise = 1.4826 * float(np.median(np.abs(difference - np.median(difference)))) / math.sqrt(2)
    shot = math.sqrt(level + meta["read"] ** 2 + meta["gain"] ** 2 / 12)
    widths, lengths, fluxes = [], [], []
    for image, mine in zip(frames[:2], stars[:2], strict=True):
        for star in isolated(mine, image.shape):
            width, length, flux = image_of(image, star)
            expected = 10 ** (-0.4 * (star.mag - meta["zp"])) * meta["exposure_s"]
            widths.append(width)
            lengths.append(length / math.hypot(star.x1 - star.x0, star.y1 - star.y0))
            fluxes.append(flux / expected)
    return {"background [e-]": level, "noise [e-]": noise, "noise over shot and read noise": noise / shot,
            "star FWHM across the trail [px]": float(np.median(widths)), "  its scatter [px]": 1.4826 * _mad(widths),
            "trail length over truth": float(np.median(lengths)), "flux over truth": float(np.median(fluxes)),
            "stars measured": len(widths)}  # fmt: skip


def isolated(stars: list[Star], shape: tuple[int, ...]) -> list[Star]:
    """Bright stars inside the frame with no other of a tenth of their light near by."""
    middle = np.array([((s.x0 + s.x1) / 2, (s.y0 + s.y1) / 2) for s in stars])
    mags = np.array([s.mag for s in stars])
    inside = ((middle > MARGIN_PX) & (middle < np.array(shape[::-1]) - MARGIN_PX)).all(axis=1)
    chosen = []
    for k in np.nonzero(inside & (mags > BRIGHT) & (mags < FAINT))[0]:
        near = np.hypot(*(middle - middle[k]).T) < APART_PX
        if (mags[near] < mags[k] + 2.5).sum() == 1:
            chosen.append(stars[k])
    return chosen


def image_of(image: np.ndarray, star: Star) -> tuple[float, float, float]:
    """FWHM across, length along and flux of one trail: profiles of the pixels in its own axes."""
    length = math.hypot(star.x1 - star.x0, star.y1 - star.y0)
    ux, uy = (star.x1 - star.x0) / length, (star.y1 - star.y0) / length
    half = math.ceil(length / 2 + BEYOND_PX + ACROSS_PX)
    i, j = round((star.x0 + star.x1) / 2), round((star.y0 + star.y1) / 2)
    y, x = np.mgrid[j - half : j + half + 1, i - half : i + half + 1]
    patch = image[j - half : j + half + 1, i - half : i + half + 1]
    dx, dy = x - (star.x0 + star.x1) / 2, y - (star.y0 + star.y1) / 2
    along, across = dx * ux + dy * uy, dy * ux - dx * uy
    body = (np.abs(across) < ACROSS_PX) & (np.abs(along) < length / 2 + BEYOND_PX)
    light = patch - float(np.median(patch[~body]))
    core = body & (np.abs(along) < length / 4)

    def profile(t: np.ndarray, height: float, middle: float, sigma: float) -> np.ndarray:
        return height * np.exp(-0.5 * ((t - middle) / sigma) ** 2)

    def trail(t: np.ndarray, height: float, middle: float, size: float, sigma: float) -> np.ndarray:
        return height * (ndtr((t - middle + size / 2) / sigma) - ndtr((t - middle - size / 2) / sigma))

    (_, _, sigma), _ = optimize.curve_fit(profile, across[core], light[core], (light.max(), 0.0, 1.0))
    inner = body & (np.abs(across) < 3)
    shape = np.exp(-0.5 * (across[inner] / sigma) ** 2).clip(0.05)
    start = (float(light.max()), 0.0, length, 1.0)
    (_, _, size, _), _ = optimize.curve_fit(trail, along[inner], light[inner] / shape, start, sigma=1 / shape)
    return abs(sigma) * FWHM_PER_SIGMA, abs(size), float(light[body].sum())


def _mad(values: list[float]) -> float:
    return float(np.median(np.abs(np.array(values) - np.median(values))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    frames, stars, meta = satsim(options.folder)
    theirs = moments(frames, stars, meta)
    sigma2 = (theirs["star FWHM across the trail [px]"] / FWHM_PER_SIGMA) ** 2 - 1 / 12  # pixels widen both
    mine = moments(*ours(meta, math.sqrt(sigma2) * FWHM_PER_SIGMA), meta)
    print(f"| {options.folder.name} | SatSim | ours |\n|---|---|---|")
    for name, value in theirs.items():
        print(f"| {name} | {value:.4g} | {mine[name]:.4g} |")


if __name__ == "__main__":
    main()
