"""Kernels that die: tried again once, then reported with the page, and the other pages are not lost."""

from __future__ import annotations

import papermill
import pytest

from defectlab.book.execution import _execute
from defectlab.book.pages import Page


@pytest.fixture
def page(tmp_path):
    return Page("notebooks/toy", tmp_path / "toy.ipynb", tmp_path / "store" / "toy.ipynb", {}, "key")


def dying(times, calls):
    def execute(source, target, *_, **__):
        calls.append(source)
        if len(calls) <= times:
            raise RuntimeError("Kernel died before replying to kernel_info")
        open(target, "w").close()

    return execute


def test_a_kernel_that_dies_once_is_started_again(page, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(papermill, "execute_notebook", dying(1, calls))
    assert _execute(page, tmp_path) == "" and len(calls) == 2
    assert page.is_fresh


def test_a_kernel_that_dies_twice_is_reported_and_nothing_is_stored(page, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(papermill, "execute_notebook", dying(9, calls))
    error = _execute(page, tmp_path)
    assert error.startswith("RuntimeError: Kernel died") and "--jobs 1" in error and len(calls) == 2
    assert not page.is_fresh
