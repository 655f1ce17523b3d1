"""The command line of the book."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import defectlab.book
from defectlab.book.building import build
from defectlab.book.packing import archive_name, pack
from defectlab.book.pages import BookError
from defectlab.paths import checkout_dir


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m defectlab.book", description=defectlab.book.__doc__)
    parser.add_argument(
        "--profile", choices=("smoke", "laptop", "paper"), default="laptop", help="profile of the notebooks"
    )
    parser.add_argument("--output", type=Path, help="folder of the pages (default: _build/html)")
    parser.add_argument("--jobs", type=int, help="notebooks executed at a time (default: one a core)")
    parser.add_argument("--stored", action="store_true", help="take stored runs even if stale; their pages say so")
    parser.add_argument("--repository", default="", metavar="URL", help="where source and launch buttons lead")
    parser.add_argument("--zip", action="store_true", help="add the whole book as one page, and pack all beside OUTPUT")
    parser.add_argument("--root", type=Path, help="checkout (default: the one this package lies in)")
    arguments = parser.parse_args(argv)
    root = arguments.root or checkout_dir()
    if root is None:
        parser.error("the book is built from a checkout; clone the repository, or name one with --root")
    begun = time.perf_counter()
    try:
        output = build(
            root.resolve(),
            arguments.profile,
            arguments.output,
            arguments.jobs,
            not arguments.stored,
            arguments.repository,
            single=arguments.zip,
        )
        archive = pack(output, output.parent / archive_name()) if arguments.zip else None
    except (BookError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if archive:
        print(f"zip    {archive}")
    print(f"book   {output / 'index.html'}\nseconds {time.perf_counter() - begun:.0f}")
    return 0
