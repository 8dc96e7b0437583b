"""YAML as far as a workflow needs it: JSON's values, each with its line; nothing that can hurt.

There are no anchors, no tags and no second document: the text of a file is all that it says.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
import yaml

TEXT_BYTES_MAX: Final = 256 * 1024
DEPTH_MAX: Final = 64

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NUMBER_LETTERS_MAX: Final = 18
_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}


class YamlInvalid(Exception):
    """The text is not such YAML; `line` counts from 1."""

    def __init__(self, line: int, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.line = line
        self.rule = rule
        self.detail = detail


class Located(NamedTuple):
    """A value, and the line of each of its parts by path, such as `$.activities[0].id`."""

    value: Any
    lines: dict[str, int]


class _Open:
    """A list or an object that is being read."""

    def __init__(self, value: list[Any] | dict[str, Any], path: str) -> None:
        self.value = value
        self.path = path
        self.key: str | None = None


def read_yaml(text: str) -> Located:
    """The document of a text; raises YamlInvalid."""
    if len(text.encode(errors="surrogatepass")) > TEXT_BYTES_MAX:
        raise YamlInvalid(1, "too-large", f"a workflow has at most {TEXT_BYTES_MAX // 1024} KiB")
    reader = _Reader()
    for event in _events(text):
        reader.take(event)
    return Located(reader.document(), reader.lines)


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        line = mark.line + 1 if mark else 1
        raise YamlInvalid(line, "yaml", wrong.problem or "this is no YAML") from None
    except yaml.YAMLError as wrong:
        raise YamlInvalid(1, "yaml", str(wrong).splitlines()[0]) from None


class _Reader:
    """Builds values from events, without recursion: how deep a text goes is its writer's choice."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self._open: list[_Open] = []
        self._documents: list[Any] = []

    def document(self) -> Any:
        """The one document."""
        if not self._documents:
            raise YamlInvalid(1, "schema", "the file is empty")
        return self._documents[0]

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        self._refuse(event, line)
        match event:
            case yaml.ScalarEvent() if self._awaits_key():
                self._name(event.value, line)
            case yaml.ScalarEvent():
                self._put(_scalar(event, line), line)
            case yaml.SequenceStartEvent():
                self._begin([], line)
            case yaml.MappingStartEvent():
                self._begin({}, line)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._open.pop()
            case yaml.DocumentStartEvent() if self._documents:
                raise YamlInvalid(line, "yaml", "a file has one document")
            case _:
                pass

    def _refuse(self, event: yaml.Event, line: int) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise YamlInvalid(line, "no-anchors", "write it out: there are no anchors and aliases")
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            raise YamlInvalid(line, "no-tags", f"there is no tag {tag}")
        if self._awaits_key() and isinstance(event, yaml.CollectionStartEvent):
            raise YamlInvalid(line, "yaml", "a key is a text")

    def _awaits_key(self) -> bool:
        return bool(self._open) and (
            isinstance(self._open[-1].value, dict) and self._open[-1].key is None
        )

    def _name(self, key: str, line: int) -> None:
        current = self._open[-1]
        if key in current.value:
            raise YamlInvalid(line, "unique-key", f"{key!r} is here twice")
        current.key = key

    def _begin(self, value: list[Any] | dict[str, Any], line: int) -> None:
        if len(self._open) >= DEPTH_MAX:
            raise YamlInvalid(line, "too-deep", f"this is nested more than {DEPTH_MAX} deep")
        path = self._put(value, line)
        self._open.append(_Open(value, path))

    def _put(self, value: Any, line: int) -> str:
        """Put a value where it belongs; its path."""
        if not self._open:
            self._documents.append(value)
            path = "$"
        else:
            path = _put_into(self._open[-1], value)
        self.lines[path] = line
        return path


def _put_into(current: _Open, value: Any) -> str:
    if isinstance(current.value, list):
        current.value.append(value)
        return f"{current.path}[{len(current.value) - 1}]"
    key = current.key or ""
    current.value[key] = value
    current.key = None
    return f"{current.path}.{key}"


def _scalar(event: yaml.ScalarEvent, line: int) -> Any:
    text: str = event.value
    if event.style is not None or event.tag == "!":
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return _number(text, line)
    return text


def _number(text: str, line: int) -> Any:
    if len(text) > _NUMBER_LETTERS_MAX:
        raise YamlInvalid(line, "number", f"{text[:20]}... has too many digits: put it in quotes")
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise YamlInvalid(line, "number", f"{text} is out of range: put it in quotes") from None
