"""How far the WCS products of a run are from a reference over the field, frame by frame.

Usage: python -m benchmarks.studies.wcs_places OUT REFERENCE

``REFERENCE``: a folder of ``.wcs`` headers named as the recording's files, one such header, or SatSim's ``truth.json``.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from astropy.wcs import WCS

from sensorproc.conventions import FITS_ORIGIN
from sensorproc.recording import open_recording
from tests.skies.wcs import displaced, from_header


def from_truth(facts: dict) -> WCS:
    """A reference from the tangent plane that a truth file gives a frame."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.cd = facts["crval"], facts["cd"]
    wcs.wcs.crpix = np.array(facts["crpix0"]) + FITS_ORIGIN
    return wcs


def references(run: Path, given: Path) -> dict[int, WCS]:
    """The reference of every frame that has one."""
    if given.suffix == ".json":
        return {frame["index"]: from_truth(frame["wcs"]) for frame in json.loads(given.read_text("utf-8"))["frames"]}
    if given.is_file():
        return {0: from_header(given)}
    recording = Path(json.loads((run / "run.json").read_text("utf-8"))["recording"]["path"])
    named = {
        k: given / f"{Path(entry.source).name.split('.')[0]}.wcs" for k, entry in enumerate(open_recording(recording).entries)
    }
    return {k: from_header(path) for k, path in named.items() if path.exists()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("reference", type=Path)
    options = parser.parse_args()
    print("| frame | median [px] | worst [px] | at the centre, x and y [px] |\n|---|---|---|---|")
    centres = []
    for k, reference in references(options.run, options.reference).items():
        product = options.run / "products" / "wcs" / f"{k:04d}.wcs"
        if not product.exists():
            print(f"| {k} | not solved | | |")
            continue
        gaps = displaced(product, reference)
        distance, centre = np.hypot(*gaps.T), gaps[len(gaps) // 2]
        centres.append(centre)
        print(f"| {k} | {np.median(distance):.2f} | {distance.max():.2f} | {centre[0]:+.3f}, {centre[1]:+.3f} |")
    if centres:
        print(f"centres: {float(np.sqrt((np.array(centres) ** 2).mean())):.3f} px rms per axis, n = {len(centres)}")


if __name__ == "__main__":
    main()
