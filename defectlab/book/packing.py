"""The built book as one file to take along: a zip archive that opens from disk, with its checksum beside it."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import defectlab
from defectlab.book.pages import BookError
from defectlab.files import atomic_path, write_text

NAME = "defectlab-book"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that the format can state
_READABLE = 0o644 << 16


def archive_name() -> str:
    """File name of the archive, such as ``defectlab-book-0.1.0.zip``."""
    return f"{NAME}-{defectlab.__version__}.zip"


def pack(pages: Path, archive: Path) -> Path:
    """Packs a built book; equal pages give an equal file, whenever and wherever they are packed.

    Args:
        pages: folder of the built book.
        archive: file to write; a file of the same name with ``.sha256`` at its end goes beside it, in the form that
            ``sha256sum --check`` reads.

    Returns:
        The archive.

    Raises:
        BookError: if the folder holds no book.
    """
    if not (pages / "index.html").is_file():
        raise BookError(f"no index.html in {pages}; build the book first")
    # What begins with a dot is the builder's own: keys of its settings, no page.
    files = [path for path in pages.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(pages))]
    with atomic_path(archive) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for path in sorted(files, key=lambda path: path.relative_to(pages).as_posix()):
            entry = zipfile.ZipInfo(f"{NAME}/{path.relative_to(pages).as_posix()}", _EPOCH)
            entry.external_attr, entry.compress_type, entry.create_system = _READABLE, zipfile.ZIP_DEFLATED, 3
            made.writestr(entry, path.read_bytes())
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    write_text(archive.with_name(f"{archive.name}.sha256"), f"{digest}  {archive.name}\n")
    return archive


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
