"""Every kernel, compiled and as plain Python."""

import pkgutil
from importlib import import_module

import pytest

from liq_nautilus.core import kernels

MODULES = tuple(
    import_module(f"{kernels.__name__}.{module.name}")
    for module in pkgutil.iter_modules(kernels.__path__)
)


# Where changes to them are tried out, kernels are plain functions themselves.
WAYS = ["compiled", "plain"] if hasattr(kernels.sweep, "py_func") else ["plain"]


def kernels_of(module):
    """Return the kernels a module defines, by name."""
    return {
        name: value
        for name, value in vars(module).items()
        if callable(value) and not isinstance(value, type) and value.__module__ == module.__name__
    }


@pytest.fixture(params=WAYS)
def kernel(request, monkeypatch):
    """Return a look-up of kernels; the plain ones call each other plain too."""
    found = {name: value for module in MODULES for name, value in kernels_of(module).items()}
    if request.param == "plain":
        for module in MODULES:
            for name, value in list(vars(module).items()):
                if hasattr(value, "py_func"):
                    monkeypatch.setattr(module, name, value.py_func)
        found = {name: getattr(value, "py_func", value) for name, value in found.items()}
    return found.__getitem__
