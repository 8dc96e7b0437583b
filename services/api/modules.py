"""Modules are licensed apart: a route names the one that it belongs to, every command the core."""

from typing import Final

MODULE: Final = "module"
"""Key of a route's `opt`: the module that it takes."""
