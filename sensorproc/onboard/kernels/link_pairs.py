"""Pairs of points in two frames whose uniform motion meets points in enough of the others."""

import math

from sensorproc.onboard.kernels.jit import f8, i8, kernel, out, ro


@kernel(i8(ro(f8, 2), ro(i8, 1), ro(f8, 1), i8, f8, f8, f8, i8, out(i8, 2)))
def linked_pairs(points, first, times, max_gap, slowest, fastest, radius, needed, found):
    """Write (i, j, hits) of supported pairs into ``found`` (m, 3); return how many there are.

    ``points`` (p, 3): x, y, SNR, grouped by frame: frame k is ``points[first[k]:first[k + 1]]``. A pair spans at most
    ``max_gap`` frames and moves at ``slowest`` to ``fastest`` px per frame; ``hits`` counts frames with a point within
    ``radius`` of its line.
    """
    n = len(times)
    count = 0
    for k in range(n):
        for gap in range(1, max_gap + 1):
            if k + gap >= n:
                break
            dt = times[k + gap] - times[k]
            for i in range(first[k], first[k + 1]):
                for j in range(first[k + gap], first[k + gap + 1]):
                    vx, vy = (points[j, 0] - points[i, 0]) / dt, (points[j, 1] - points[i, 1]) / dt
                    speed = math.sqrt(vx * vx + vy * vy)
                    if speed < slowest or speed > fastest:
                        continue
                    hits = 0
                    for m in range(n):
                        if hits + n - m < needed:
                            break
                        x, y = points[i, 0] + vx * (times[m] - times[k]), points[i, 1] + vy * (times[m] - times[k])
                        for q in range(first[m], first[m + 1]):
                            if (points[q, 0] - x) ** 2 + (points[q, 1] - y) ** 2 <= radius * radius:
                                hits += 1
                                break
                    if hits >= needed:
                        if count < len(found):
                            found[count, 0] = i
                            found[count, 1] = j
                            found[count, 2] = hits
                        count += 1
    return count
