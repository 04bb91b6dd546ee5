"""Kinds of faults: what each is, and how large if nothing else is said."""

# kind: (size if none is given, what it is)
KINDS = {
    "seu": (1.0, "bits flipped in the memory of frames and searches, each in a word of its own"),
    "mbu": (2.0, "adjacent bits flipped in one word"),
    "table": (1.0, "bits flipped in the scan table, the dark map, the bad-pixel map or the star table"),
    "stuck": (1.0, "frames that repeat the one before"),
    "late": (3.0, "seconds by which a frame is late"),
    "lost": (1.0, "frames that never come"),
    "duplicated": (1.0, "frames that come twice"),
    "torn": (1.0, "frames whose lower part is the one before's"),
    "camera_reset": (2.0, "seconds without frames"),
    "hang": (1.0, "times that the search of a set never returns"),
    "clock_drift": (60.0, "seconds without time pulses"),
    "clock_jump": (0.5, "seconds by which the time code steps"),
    "squeeze": (20.0, "seconds in which there is no memory for a new set"),
    "outage": (20.0, "seconds without a link"),
    "packet_loss": (1.0, "packets lost on their way"),
    "packet_damage": (1.0, "packets of which a bit flips on their way"),
    "packet_twice": (1.0, "packets that arrive twice"),
    "flood": (200.0, "telecommands at once"),
    "malformed": (1.0, "damaged telecommands"),
}
PIXEL_FAULTS = {"seu", "mbu", "stuck", "torn"}  # of no effect where no pixels are kept
