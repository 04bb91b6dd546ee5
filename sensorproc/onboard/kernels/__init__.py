"""Compiled loops: numpy, numba and math only, one named algorithm per file, results written into ``out`` arguments.

Inputs are declared read-only in the signatures (one compiled variant each, and a wrong dtype is refused at once). Sums may be
taken in any order, which lets the compiler use vectors, but tests for NaN hold. No kernel reduces in parallel, so results do not
depend on threads.
"""
