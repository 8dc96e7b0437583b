"""Sets papers that come on standard input, and answers with PDFs: `python -m …pdf_child`.

Typst keeps what it has laid out, and a process of its own ends with it. A message is four
bytes of length and the content; an answer begins with a byte: 0, then the PDF, or 1, then what went
wrong.
"""

import sys
from typing import BinaryIO

from services.adapters.pdf import set_paper


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
    while (paper := read(sys.stdin.buffer)) is not None:
        try:
            answer = b"\0" + set_paper(paper.decode())
        except Exception as wrong:  # told to whoever asked; the next paper may be a good one
            answer = b"\1" + f"{type(wrong).__name__}: {wrong}".encode()
        write(sys.stdout.buffer, answer)


if __name__ == "__main__":
    main()
