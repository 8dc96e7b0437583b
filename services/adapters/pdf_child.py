"""Sets papers that come on standard input, and answers with PDFs: `python -m …pdf_child`.

Typst keeps what it has laid out, and a process of its own ends with it. A message is four
bytes of length and the content; an answer begins with a byte: whether the process has
grown so that it should be ended, and whether what follows is no PDF but what went wrong.
"""

import sys
from typing import BinaryIO, Final

import psutil

from services.adapters.pdf import set_paper

WRONG: Final = 1
GROWN: Final = 2
GROWN_BYTES: Final = 190 * 1024 * 1024


def read(stream: BinaryIO) -> bytes | None:
    """The next message, or None at the end."""
    head = stream.read(4)
    return stream.read(int.from_bytes(head, "big")) if len(head) == 4 else None


def write(stream: BinaryIO, content: bytes) -> None:
    """Send a message."""
    stream.write(len(content).to_bytes(4, "big") + content)
    stream.flush()


def main() -> None:
    """Set papers until nothing comes any more."""
    process = psutil.Process()
    while (paper := read(sys.stdin.buffer)) is not None:
        try:
            flags, answer = 0, set_paper(paper.decode())
        except Exception as wrong:  # told to whoever asked; the next paper may be a good one
            flags, answer = WRONG, f"{type(wrong).__name__}: {wrong}".encode()
        if process.memory_info().rss > GROWN_BYTES:
            flags |= GROWN
        write(sys.stdout.buffer, bytes([flags]) + answer)


if __name__ == "__main__":
    main()
