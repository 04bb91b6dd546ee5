"""Virtual time: simpy's, in integer nanoseconds from the start of the first exposure."""

import simpy


class VirtualClock:
    """The clock port of a simulation."""

    def __init__(self, env: simpy.Environment, origin_tai_ns: int):
        self._env, self.origin_tai_ns = env, origin_tai_ns

    def now_ns(self) -> int:
        """Since the start of the simulation."""
        return int(self._env.now)

    def tai_ns(self) -> int:
        """TAI since 1958."""
        return self.origin_tai_ns + self.now_ns()
