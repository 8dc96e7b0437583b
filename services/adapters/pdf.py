"""Papers set as PDF by Typst, in threads of their own: it lets go of the interpreter's lock.

A compiler is not for two threads at once, so each thread has its own; it reads the template and the
fonts of the wheels, and neither fonts of the system nor packages from anywhere.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from threading import local
from typing import Final

import fontpkg_noto_sans
import fontpkg_noto_sans_arabic
import msgspec
import typst

from services.documents.paper import Paper
from services.documents.rendering import RendererBusy

TEMPLATE: Final = Path(str(files("services.adapters") / "documents" / "document.typ"))
_FONTS: Final = tuple(
    str(package.ROOT / "files") for package in (fontpkg_noto_sans, fontpkg_noto_sans_arabic)
)
_WORKERS: Final = 2
_WAITING_MAX: Final = 32
_PATIENCE_SECONDS: Final = 20.0
_CREATED: Final = 0  # seconds of Unix: a document's own dates are on it, and bytes repeat


class TypstRenderer:
    """Sets papers; at most 32 wait, each for at most 20 seconds."""

    def __init__(
        self,
        *,
        workers: int = _WORKERS,
        waiting_max: int = _WAITING_MAX,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="typst")
        self._compilers = local()
        self._waiting = 0
        self._waiting_max = waiting_max
        self._patience_seconds = patience_seconds

    async def render(self, paper: Paper) -> bytes:
        """The PDF of a paper, the same bytes for the same paper; raises RendererBusy."""
        if self._waiting >= self._waiting_max:
            raise RendererBusy(f"{self._waiting} documents are waiting: try again")
        work = asyncio.get_running_loop().run_in_executor(self._threads, self.set, paper)
        self._waiting += 1
        work.add_done_callback(self._done)
        try:
            # A thread cannot be stopped: one that is late goes on and still counts as waiting.
            return await asyncio.wait_for(asyncio.shield(work), self._patience_seconds)
        except TimeoutError:
            work.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise RendererBusy("the document was not set in time: try again") from None

    def set(self, paper: Paper) -> bytes:
        """The PDF of a paper, in the calling thread."""
        made = self._compiler().compile(
            format="pdf",
            sys_inputs={"paper": msgspec.json.encode(paper).decode()},
            timestamp=_CREATED,
        )
        if not isinstance(made, bytes):
            raise TypeError(f"Typst answered {type(made).__name__} instead of a document")
        return made

    def close(self) -> None:
        """Finish what has begun and take nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, _work: object) -> None:
        self._waiting -= 1

    def _compiler(self) -> typst.Compiler:
        found: typst.Compiler | None = getattr(self._compilers, "compiler", None)
        if found is None:
            fonts = typst.Fonts(
                include_system_fonts=False, include_embedded_fonts=False, font_paths=list(_FONTS)
            )
            found = self._compilers.compiler = typst.Compiler(
                TEMPLATE, root=TEMPLATE.parent, font_paths=fonts, ignore_system_fonts=True
            )
        return found
