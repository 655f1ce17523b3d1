"""Synthetic sets on disk: resumed, damaged, refused, and equal to what was made in memory."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import defectlab
from defectlab.synthesis.base import Synthetic
from defectlab.synthesis.journal import Journal, rows_of
from defectlab.synthesis.store import collect, load, save
from defectlab.synthesis.stored import DamagedSetError, Stored

SETTINGS = {"seed": 3, "prompts": ("white marks", "copper scratches"), "strength": 0.99}


def make_one(index: int, with_mask: bool = True, size: tuple[int, int] = (6, 9)) -> Synthetic:
    rng = np.random.default_rng([3, index])
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    record = {"index": index, "prompt": 'white, "marks"\nagain', "strength": 0.99, "source": "007", "box": (1, 2)}
    return Synthetic(image, image[..., 0] > 128 if with_mask else None, record)


def make(indices: Sequence[int]) -> list[Synthetic]:
    return [make_one(i) for i in indices]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_same(one, other) -> None:
    assert len(one) == len(other)
    for a, b in zip(one.items, other.items, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        assert (a.mask is None) == (b.mask is None)
        if a.mask is not None:
            np.testing.assert_array_equal(a.mask, b.mask)
        assert a.record == b.record
        assert [type(v) for v in a.record.values()] == [type(v) for v in b.record.values()]


def collected(out: Path | None, n: int = 5, maker=make, batch_size: int = 2, settings=SETTINGS):
    return collect(maker, n, name="diag", settings=settings, out=out, batch_size=batch_size)


def test_a_stored_set_equals_one_kept_in_memory_and_one_read_back(tmp_path):
    stored = collected(tmp_path / "set")
    assert_same(stored, collected(None))
    assert_same(stored, load(tmp_path / "set"))
    assert load(tmp_path / "set").name == "diag"
    assert stored.items[0].record == make_one(0).record | {"box": [1, 2]}


def test_files_have_the_agreed_names_and_are_lossless(tmp_path):
    collected(tmp_path, n=2)
    assert sorted(contents(tmp_path)) == sorted(
        [f"{kind}/00000{i}.png" for kind in ("images", "masks") for i in range(2)] + ["records.csv", "settings.json"]
    )
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "images/000001.png")), make_one(1).image)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "masks/000001.png")) == 255, make_one(1).mask)


def test_an_absent_mask_is_not_an_empty_mask(tmp_path):
    collected(tmp_path / "none", maker=lambda indices: [make_one(i, with_mask=False) for i in indices])
    assert not (tmp_path / "none" / "masks").exists()
    assert load(tmp_path / "none").items[0].mask is None
    empty = Synthetic(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), bool), {})
    collected(tmp_path / "empty", n=1, maker=lambda indices: [empty])
    assert load(tmp_path / "empty").items[0].mask.sum() == 0


@pytest.mark.parametrize("batch_size", [1, 3, 5, 64])
def test_the_batch_size_leaves_no_trace(tmp_path, batch_size):
    collected(tmp_path / "a", batch_size=2)
    collected(tmp_path / "b", batch_size=batch_size)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_broken_run_goes_on_and_ends_with_the_same_bytes(tmp_path, error):
    asked: list[int] = []

    def breaks(indices):
        if 4 in indices:
            raise error("out of memory")
        return make(indices)

    def counts(indices):
        asked.extend(indices)
        return make(indices)

    with pytest.raises(error):
        collected(tmp_path / "broken", n=7, maker=breaks)
    assert len(load(tmp_path / "broken")) == 4
    collected(tmp_path / "broken", n=7, maker=counts, batch_size=3)
    assert asked == [4, 5, 6]
    collected(tmp_path / "whole", n=7)
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")


def test_a_killed_process_goes_on_and_ends_with_the_same_bytes(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent(f"""
        import os, signal, sys
        sys.path[:0] = {[str(Path(__file__).parent), str(Path(defectlab.__file__).parents[1])]!r}
        import test_store
        from defectlab.synthesis import store
        written = []
        replace = os.replace
        def dies(source, target):
            written.append(target)
            if len(written) == 9:  # between two files of one batch, with the partial file on disk
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)
        os.replace = dies
        test_store.collected({str(tmp_path / "killed")!r}, n=6)
        """)
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert len(load(tmp_path / "killed")) == 2
    assert list((tmp_path / "killed").rglob("*.partial"))
    collected(tmp_path / "killed", n=6)
    collected(tmp_path / "whole", n=6)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_a_finished_set_is_not_made_again_and_may_grow_or_be_cut(tmp_path):
    collected(tmp_path, n=4)

    def never(indices):
        raise AssertionError(f"asked for {indices}")

    assert_same(collected(tmp_path, n=4, maker=never), collected(None, n=4))
    assert_same(collected(tmp_path, n=2, maker=never), collected(None, n=2))
    assert_same(collected(tmp_path, n=6), collected(None, n=6))
    assert len(load(tmp_path)) == 6


def test_other_settings_in_the_same_folder_are_refused_by_name(tmp_path):
    collected(tmp_path, n=1)
    with pytest.raises(ValueError, match=r"other settings") as caught:
        collected(tmp_path, n=1, settings=SETTINGS | {"strength": 0.5, "steps": 12})
    message = str(caught.value)
    assert "strength: stored 0.99, asked 0.5" in message
    assert "steps: stored 'nothing', asked 12" in message
    assert "seed" not in message


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(ValueError, match="holds images but no settings.json"):
        collected(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file"):
        collected(tmp_path / "file")


@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "changed"])
@pytest.mark.parametrize("file", ["images/000001.png", "masks/000001.png"])
def test_a_damaged_file_is_named_on_loading_and_mended_by_the_run(tmp_path, damage, file, caplog):
    collected(tmp_path / "a")
    collected(tmp_path / "b")
    path = tmp_path / "a" / file
    if damage == "gone":
        path.unlink()
    elif damage == "changed":
        path.write_bytes((tmp_path / "a" / file.replace("1.png", "2.png")).read_bytes())
    else:
        path.write_bytes(path.read_bytes()[:40] if damage == "cut" else b"")
    with pytest.raises(DamagedSetError, match=r"000001.png"):
        load(tmp_path / "a")
    collected(tmp_path / "a")
    assert "made again" in caplog.text
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_records_that_are_no_table_and_missing_rows_are_named(tmp_path):
    collected(tmp_path)
    lines = (tmp_path / "records.csv").read_text()
    (tmp_path / "records.csv").write_text("hello\n")
    with pytest.raises(ValueError, match="records.csv: expected a table"):
        load(tmp_path)
    (tmp_path / "records.csv").write_text("".join(lines.rpartition("images/000004")[:1]) + "images/000004.png,\n")
    with pytest.raises(ValueError, match=r"line \d+: expected \d+ cells, got 2"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="no settings.json"):
        load(tmp_path / "images")


def test_texts_that_look_like_numbers_stay_texts(tmp_path):
    record = {
        "a": "7",
        "b": 7,
        "c": "true",
        "d": True,
        "e": None,
        "f": "",
        "g": 'say "x"',
        "h": "1e3",
        "i": 1e-7,
        "ü": "ß",
    }
    item = Synthetic(np.zeros((2, 2, 3), np.uint8), None, record)
    collected(tmp_path, n=1, maker=lambda indices: [item])
    assert load(tmp_path).items[0].record == record


def test_numpy_values_are_stored_as_plain_ones(tmp_path):
    record = {"severity": np.float64(0.25), "count": np.int64(3), "path": Path("a/b")}
    made = collected(None, n=1, maker=lambda indices: [Synthetic(np.zeros((2, 2, 3), np.uint8), None, record)])
    assert made.items[0].record == {"severity": 0.25, "count": 3, "path": "a/b"}
    with pytest.raises(TypeError, match="got object"):
        collected(tmp_path, n=1, settings={"x": object()})


def test_records_may_differ_in_their_keys(tmp_path):
    def mixed(indices):
        return [Synthetic(np.zeros((2, 2, 3), np.uint8), None, {"a": i} if i % 2 else {"b": i}) for i in indices]

    collected(tmp_path, n=4, maker=mixed)
    assert [item.record for item in load(tmp_path).items] == [{"b": 0}, {"a": 1}, {"b": 2}, {"a": 3}]


def test_what_make_gives_is_checked_before_it_is_written(tmp_path):
    bad = {
        "expected uint8": Synthetic(np.zeros((6, 9, 3), np.float32), None, {}),
        "expected the size of the set": make_one(0, size=(5, 5)),
        "expected bool": Synthetic(np.zeros((6, 9, 3), np.uint8), np.zeros((6, 9), np.uint8), {}),
        "column of the store": Synthetic(np.zeros((6, 9, 3), np.uint8), None, {"checksum": 1}),
    }
    for number, (message, item) in enumerate(bad.items()):
        with pytest.raises(ValueError, match=message):
            collected(tmp_path / str(number), n=2, maker=lambda indices, item=item: [make_one(0), item])
        assert not (tmp_path / str(number) / "images").exists()
    with pytest.raises(ValueError, match="expected 2 images"):
        collected(None, n=2, maker=lambda indices: [make_one(0)])
    with pytest.raises(ValueError, match="at least 1"):
        collected(None, n=0)


def test_a_saved_set_comes_back_and_is_not_overwritten(tmp_path):
    both = collected(None, n=3)
    assert_same(load(save(both, tmp_path / "set", {"why": "test"})), both)
    with pytest.raises(ValueError, match="holds a synthetic set already"):
        save(both, tmp_path / "set")


def test_a_large_set_stays_in_its_files_and_is_the_same(tmp_path, monkeypatch):
    small = collected(tmp_path)
    assert not any(isinstance(item, Stored) for item in small.items)
    monkeypatch.setattr("defectlab.synthesis.store.HELD", 5 * 6 * 9 * 3 - 1)
    for large in (collected(tmp_path), load(tmp_path), pickle.loads(pickle.dumps(collected(tmp_path)))):
        assert all(isinstance(item, Stored) for item in large.items)
        assert_same(small, large)
        assert large[3].image.equal(small[3].image) and large[3].mask.equal(small[3].mask)
        assert (large.subset(indices=[1, 2]) + small).images().shape == (7, 3, 6, 9)
    assert_same(load(save(large, tmp_path / "copy")), small)
    (tmp_path / "images/000003.png").unlink()
    with pytest.raises(DamagedSetError, match="000003.png is missing"):
        large[3]


def test_rows_are_appended_while_a_set_is_made_and_a_half_line_is_forgotten(tmp_path):
    seen = []

    def watches(indices):
        journal = tmp_path / "a" / "records.jsonl"
        seen.append(len(journal.read_text().splitlines()) if journal.exists() else 0)
        assert not (tmp_path / "a" / "records.csv").exists()
        return make(indices)

    collected(tmp_path / "a", maker=watches)
    assert seen == [0, 2, 4] and not (tmp_path / "a" / "records.jsonl").exists()
    text = '[0, {"image_file": "images/000000.png"}]\n[1, {"image_file": "images/0000'
    collected(tmp_path / "b", n=2)
    (tmp_path / "b" / "records.csv").unlink()
    (tmp_path / "b" / "records.jsonl").write_text(text)
    assert list(rows_of(tmp_path / "b")) == [0]
    journal = Journal(tmp_path / "b")
    journal.append({1: {"image_file": "images/000001.png"}})
    journal.close()
    assert list(rows_of(tmp_path / "b")) == [0, 1]


def test_a_line_that_is_no_row_is_named(tmp_path):
    collected(tmp_path)
    (tmp_path / "records.jsonl").write_text("[1]\n")
    with pytest.raises(ValueError, match=r"records.jsonl, line 1: expected a number and a record, got '\[1\]'"):
        load(tmp_path)


def test_no_more_than_one_batch_is_held_while_a_set_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr("defectlab.synthesis.store.HELD", 0)
    images: list[weakref.ref[np.ndarray]] = []

    def counts(indices):
        made = make(indices)
        images.extend(weakref.ref(item.image) for item in made)
        assert sum(image() is not None for image in images) <= 4  # the batch that is made, and the one before
        return made

    collected(tmp_path, n=20, maker=counts)
    assert len(images) == 20
