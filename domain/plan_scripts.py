"""What a workflow may name as a script: one that Daybook brings along, or one of its project."""

import re
from typing import Final, NamedTuple

_BUILT_IN: Final = re.compile(
    r"@(?:daybook|aidbox)-billing/(?P<path>[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*)"
)
_PROJECT: Final = re.compile(r"\./(?P<path>activities(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)+\.py)")
_PREFIX: Final = "@daybook-billing/"


class ScriptInvalid(ValueError):
    """A name that is neither; the text says what one looks like."""


class Script(NamedTuple):
    """A script by its path below the folder of built-in ones, or below the project."""

    is_built_in: bool
    path: str

    def __str__(self) -> str:
        """As a workflow names it; an alias is written as what it stands for."""
        return f"{_PREFIX}{self.path.removesuffix('.py')}" if self.is_built_in else f"./{self.path}"


def script(name: str) -> Script:
    """The script of a name; raises ScriptInvalid."""
    if found := _BUILT_IN.fullmatch(name):
        return Script(True, f"{found['path']}.py")
    if ".." in re.split(r"[/\\]", name):
        raise ScriptInvalid(f"{name!r} leaves the project")
    if found := _PROJECT.fullmatch(name):
        return Script(False, found["path"])
    raise ScriptInvalid(
        f"{name!r} is neither @daybook-billing/<group>/<name> nor ./activities/.../<name>.py"
    )
