"""``sensorproc warm``: compile the kernels now instead of at the first frame."""

from sensorproc.verbs.console import emit_json


def warm(*, json: bool = False) -> int:
    """Compile all kernels and keep them in the cache.

    Parameters
    ----------
    json
        print as JSON.
    """
    names = load_kernels()
    if json:
        emit_json({"modules": names})
    else:
        print(f"{len(names)} kernel modules compiled")
    return 0


def load_kernels() -> list[str]:
    """Compile all kernels, or take them from the cache; the names of their modules."""
    import importlib
    import pkgutil

    from sensorproc.onboard import kernels

    names = sorted(module.name for module in pkgutil.iter_modules(kernels.__path__))
    for name in names:
        importlib.import_module(f"{kernels.__name__}.{name}")
    return names
