"""Papers set as PDF by Typst, as the calling thread does it.

The compiler reads the template and the fonts of the wheels, and neither fonts of the system nor
packages from anywhere.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import fontpkg_noto_sans
import fontpkg_noto_sans_arabic
import typst

TEMPLATE: Final = Path(str(files("services.adapters") / "documents" / "document.typ"))
_FONTS: Final = tuple(
    str(package.ROOT / "files") for package in (fontpkg_noto_sans, fontpkg_noto_sans_arabic)
)
_CREATED: Final = 0  # seconds of Unix: a document's own dates are on it, and bytes repeat


def set_paper(paper: str) -> bytes:
    """The PDF of a paper, which is JSON; not for two threads at once."""
    made = _compiler().compile(format="pdf", sys_inputs={"paper": paper}, timestamp=_CREATED)
    if not isinstance(made, bytes):
        raise TypeError(f"Typst answered {type(made).__name__} instead of a document")
    return made


@cache
def _compiler() -> typst.Compiler:
    return typst.Compiler(
        TEMPLATE, root=TEMPLATE.parent, font_paths=fonts(), ignore_system_fonts=True
    )


def fonts() -> typst.Fonts:
    """The fonts of documents, and no others."""
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=list(_FONTS)
    )
