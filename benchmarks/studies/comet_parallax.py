"""How straight a real object's track is on the sky, with and without the parallax of the satellite that saw it.

Usage: python -m benchmarks.studies.comet_parallax RECORDING OUT [--tracklet-snr 500]

``OUT`` is ``process``'s folder of the NEOSSat comet recording. Its tracklets above an SNR are one object; a straight, uniform
motion is fitted to its right ascensions and declinations, once as seen, once with the satellite's place over a common distance.
"""

import argparse
from pathlib import Path

import numpy as np

from sensorproc.conventions import ARCSEC_PER_RAD
from sensorproc.geometry import tangent_axes, unit_from_radec
from sensorproc.ground.table_reader import read_table
from sensorproc.recording import open_recording
from sensorproc.timescales import tai_ns_from_utc

AU_KM = 149_597_870.7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--tracklet-snr", type=float, default=500.0)
    options = parser.parse_args()
    bright = {t["tracklet_id"] for t in read_table(options.run / "tracklets.ecsv") if t["snr"] > options.tracklet_snr}
    solved = {f["frame"] for f in read_table(options.run / "frames.ecsv") if f["sky"] == "stars"}
    rows = [d for d in read_table(options.run / "detections.ecsv") if d["tracklet_id"] in bright and d["frame"] in solved]
    entries = open_recording(options.recording).entries
    states = [entries[row["frame"]].frame(row["frame"]).observer for row in rows]
    places = np.array([state.position_km for state in states if state is not None])
    ra, dec = (np.radians([row[name] for row in rows]) for name in ("ra_deg", "dec_deg"))
    east, north = tangent_axes(ra.mean(), dec.mean())
    los = unit_from_radec(ra, dec)
    sky = np.stack([los @ east, los @ north], axis=1) * ARCSEC_PER_RAD
    t = np.array([tai_ns_from_utc(row["time_utc"]) for row in rows], float) * 1e-9
    t -= t.mean()
    seen_from = -np.stack([places @ east, places @ north], axis=1) / AU_KM * ARCSEC_PER_RAD
    n, zero = len(rows), np.zeros(len(rows))
    print("| model | frames | rms in RA, Dec [arcsec] | distance [au] |\n|---|---|---|---|")
    for name, with_parallax in (("straight", False), ("straight, parallax", True)):
        columns = [np.r_[np.ones(n), zero], np.r_[t, zero], np.r_[zero, np.ones(n)], np.r_[zero, t]]
        if with_parallax:
            columns.append(seen_from.T.ravel())
        design = np.stack(columns, axis=1)
        answer = np.linalg.lstsq(design, sky.T.ravel(), rcond=None)[0]
        left = (sky.T.ravel() - design @ answer).reshape(2, n)
        rms = np.sqrt((left**2).sum(axis=1) / (n - 2))
        print(f"| {name} | {n} | {rms[0]:.2f}, {rms[1]:.2f} | {1.0 / answer[4]:.2f} |" if with_parallax else
              f"| {name} | {n} | {rms[0]:.2f}, {rms[1]:.2f} | - |")  # fmt: skip


if __name__ == "__main__":
    main()
