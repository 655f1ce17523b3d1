import csv
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from defectlab.data.check import CheckReport, check_dataset
from defectlab.data.datasheet import render_datasheet, render_report
from defectlab.data.findings import Finding, count_findings


def write_image(path: Path, seed: int, size: tuple[int, int] = (24, 16)) -> Path:
    """A file of noise, ``(height, width)``, different for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(values).save(path, quality=95)
    return path


def write_mask(path: Path, pixels: int = 0, size: tuple[int, int] = (24, 16)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(size, np.uint8)
    mask.flat[:pixels] = 255
    Image.fromarray(mask).save(path)
    return path


def ksdd2(root: Path) -> Path:
    """Two normal images and one defective in train, one and one in test, in the official layout."""
    for seed, (name, pixels) in enumerate(
        {"train/10000": 0, "train/10001": 0, "train/10301": 5, "test/20000": 0, "test/20001": 3}.items()
    ):
        write_image(root / f"{name}.png", seed)
        write_mask(root / f"{name}_GT.png", pixels)
    return root


def folder(root: Path) -> Path:
    """Four good images and four with a defect and mask."""
    for i in range(4):
        write_image(root / f"good/g{i}.png", i)
        write_image(root / f"defect/d{i}.png", 10 + i)
        write_mask(root / f"masks/d{i}.png", 4)
    return root


def manifest(root: Path, rows: list[dict[str, str]]) -> Path:
    root.mkdir(exist_ok=True)
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["image", "label", "mask", "group", "split"], restval="")
        writer.writeheader()
        writer.writerows(rows)
    return root


def of_kind(report: CheckReport, kind: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.kind == kind]


def named(finding: Finding) -> list[str]:
    return [Path(path).name for path in finding.files]


def problems(report: CheckReport) -> list[tuple[str, str]]:
    """Severity and kind of all that is more than good to know, without the counts of a made-up set."""
    return [(f.severity, f.kind) for f in report.findings if f.severity != "info" and f.kind != "counts"]


def test_a_sound_copy_has_no_problem_but_the_counts(tmp_path):
    report = check_dataset("ksdd2", ksdd2(tmp_path))
    assert report.ok and problems(report) == []
    assert report.counts == {"train": (2, 1), "test": (1, 1)}
    texts = [finding.text for finding in of_kind(report, "counts")]
    assert texts[0].startswith("train: found 2 normal and 1 defective, the official release has 2085 normal and 246")
    assert texts[1].startswith("test: found 1 normal and 1 defective, the official release has 894 normal and 110")
    assert of_kind(report, "sizes")[0].text == "all images are 24 x 16 (height x width)"


def test_official_counts_without_a_split_are_compared_in_all(tmp_path):
    for item in range(6):
        for part in range(2):
            write_image(tmp_path / f"kos{item:02}/Part{part}.jpg", 10 * item + part)
            write_mask(tmp_path / f"kos{item:02}/Part{part}_label.bmp", 4 * part)
    report = check_dataset("kolektor_sdd", tmp_path)
    (found,) = of_kind(report, "counts")
    assert found.severity == "warning" and found.text.startswith("all: found 6 normal and 6 defective")
    assert report.groups == 6 and report.ok


def test_every_unreadable_image_is_named_and_the_check_goes_on(tmp_path):
    root = folder(tmp_path)
    whole = (root / "good/g0.png").read_bytes()
    (root / "good/g0.png").write_bytes(whole[: len(whole) // 2])
    (root / "good/g1.png").write_bytes(b"")
    (root / "defect/d0.png").write_text("no image at all", encoding="utf-8")
    write_image(root / "good/übrig 1.png", 3)  # a copy of g3: still found
    report = check_dataset("folder", root)
    assert not report.ok
    unreadable = of_kind(report, "unreadable image")
    assert sorted(named(finding)[0] for finding in unreadable) == ["d0.png", "g0.png", "g1.png"]
    assert all(len(finding.files) == 1 and finding.files[0] in finding.text for finding in unreadable)
    assert sorted(named(of_kind(report, "byte-identical images")[0])) == ["g3.png", "übrig 1.png"]


def test_unreadable_masks_that_give_the_labels_leave_the_rest_to_be_checked(tmp_path):
    root = ksdd2(tmp_path)
    (root / "test/20000_GT.png").write_bytes(b"")
    (root / "test/20001_GT.png").write_bytes(b"GIF?")
    (root / "test/20001.png").write_bytes(b"")
    report = check_dataset("ksdd2", root)
    assert sorted(named(finding)[0] for finding in of_kind(report, "unreadable mask")) == [
        "20000_GT.png",
        "20001_GT.png",
    ]
    assert [named(finding) for finding in of_kind(report, "unreadable image")] == [["20001.png"]]
    assert report.counts == {"train": (2, 1)}  # the split that could be opened keeps its labels
    (refused,) = of_kind(report, "refused by the loader")
    assert refused.severity == "error" and refused.text.endswith("are checked without their labels")
    assert not of_kind(report, "stray files")


def test_a_folder_of_another_layout_is_an_error_and_its_images_are_checked(tmp_path):
    write_image(tmp_path / "pictures/a.png", 0)
    write_image(tmp_path / "pictures/b.png", 0)
    report = check_dataset("ksdd2", tmp_path)
    assert of_kind(report, "refused by the loader") and not report.counts
    assert named(of_kind(report, "byte-identical images")[0]) == ["a.png", "b.png"]


def test_stray_copies_are_named(tmp_path, caplog):
    root = ksdd2(tmp_path)
    for name in ("10301", "10301_GT"):
        (root / f"train/{name} (copy).png").write_bytes((root / f"train/{name}.png").read_bytes())
    (root / ".hidden.png").write_bytes(b"")
    with caplog.at_level(logging.CRITICAL):
        report = check_dataset("ksdd2", root)
    (stray,) = of_kind(report, "stray files")
    assert sorted(named(stray)) == ["10301 (copy).png", "10301_GT (copy).png"]
    assert report.ok and report.counts["train"] == (2, 1)


def test_a_byte_identical_image_in_both_splits_is_an_error(tmp_path):
    root = ksdd2(tmp_path)
    (root / "test/20000.png").write_bytes((root / "train/10000.png").read_bytes())
    report = check_dataset("ksdd2", root)
    (found,) = of_kind(report, "byte-identical images")
    assert found.severity == "error" and named(found) == ["10000.png", "20000.png"]
    assert "in the splits test, train: what is tested was seen in training" in found.text


def test_a_byte_identical_image_with_both_labels_is_an_error(tmp_path):
    root = ksdd2(tmp_path)
    (root / "train/10301.png").write_bytes((root / "train/10000.png").read_bytes())
    (found,) = of_kind(check_dataset("ksdd2", root), "byte-identical images")
    assert found.severity == "error" and "with both labels" in found.text


def test_a_recompressed_image_in_both_splits_is_a_warning_that_names_the_pair(tmp_path):
    root = ksdd2(tmp_path)
    with Image.open(root / "train/10000.png") as image:
        brighter = np.asarray(image).astype(int) // 2 + 60
    Image.fromarray(brighter.astype(np.uint8)).save(root / "test/20000.png")
    (found,) = of_kind(check_dataset("ksdd2", root), "near-identical images")
    assert found.severity == "warning"
    assert "look first at 10000.png (train) and 20000.png (test), correlation" in found.text


def test_near_identical_images_of_two_groups_in_one_split_are_a_warning(tmp_path):
    root = ksdd2(tmp_path)
    with Image.open(root / "train/10000.png") as image:
        Image.fromarray(np.asarray(image) // 2).save(root / "train/10001.png")
    (found,) = of_kind(check_dataset("ksdd2", root), "near-identical images")
    assert found.severity == "warning" and named(found) == ["10000.png", "10001.png"]
    assert "in 2 groups of train: a split by group may part them; look first at" in found.text


def test_complete_counts_are_good_to_know():
    (found,) = count_findings({"train": (3, 1), "test": (2, 2)}, {"all": (5, 3)})
    assert found == Finding("counts", "info", "all: 5 normal and 3 defective, as in the official release")


def test_near_identical_images_of_one_group_are_what_a_group_is_for(tmp_path):
    rows = []
    for i in range(8):
        image = write_image(tmp_path / f"{i}.png", i // 2)
        with Image.open(image) as opened:
            values = np.asarray(opened) // (1 + i % 2)
        Image.fromarray(values).save(image)
        split = "test" if i >= 4 else "train"
        rows.append({"image": image.name, "label": str(i // 2 % 2), "group": f"tile{i // 2}", "split": split})
    report = check_dataset("folder", manifest(tmp_path, rows))
    (found,) = of_kind(report, "near-identical images")
    assert found.severity == "info" and len(found.files) == 8 and report.groups == 4


def test_a_group_in_two_splits_is_an_error(tmp_path):
    rows = []
    for i, (label, split, group) in enumerate(
        [("0", "train", "tile"), ("1", "train", "b"), ("0", "test", "c"), ("1", "test", "tile")]
    ):
        rows.append({"image": write_image(tmp_path / f"{i}.png", i).name, "label": label, "group": group})
        rows[-1]["split"] = split
    (found,) = of_kind(check_dataset("folder", manifest(tmp_path, rows)), "group in two splits")
    assert found.severity == "error" and named(found) == ["0.png", "3.png"]
    assert found.text.startswith("group tile is in 2 splits (1 in test, 1 in train)")


def test_all_masks_of_another_size_are_named(tmp_path):
    root = folder(tmp_path)
    write_mask(root / "masks/d0.png", 4, (16, 24))
    write_mask(root / "masks/d2.png", 4, (12, 8))
    found = of_kind(check_dataset("folder", root), "mask of another size")
    assert sorted(named(finding)[0] for finding in found) == ["d0.png", "d2.png"]
    assert all(finding.severity == "error" for finding in found)
    first = next(finding for finding in found if named(finding)[0] == "d0.png")
    assert "d0.png is 16 x 24" in first.text and "is 24 x 16 (height x width)" in first.text


def test_a_normal_image_with_a_defect_in_its_mask_is_an_error(tmp_path):
    root = folder(tmp_path)
    write_mask(root / "masks/g1.png", 2)
    write_mask(root / "masks/g2.png", 0)  # empty: as it should be
    report = check_dataset("folder", root)
    (found,) = of_kind(report, "mask without defect")
    assert found.severity == "error" and named(found) == ["g1.png"]
    assert not of_kind(report, "stray files")


def test_defective_images_with_an_empty_mask_or_none_are_told_apart(tmp_path):
    root = folder(tmp_path)
    write_mask(root / "masks/d1.png", 0)
    (root / "masks/d3.png").unlink()
    found = of_kind(check_dataset("folder", root), "defect without mask")
    assert [(named(finding), finding.severity) for finding in found] == [
        (["d1.png"], "warning"),
        (["d3.png"], "warning"),
    ]
    assert "empty mask" in found[0].text and "no mask file" in found[1].text


def test_a_set_without_any_mask_is_no_reason_to_worry(tmp_path):
    root = folder(tmp_path)
    for mask in (root / "masks").iterdir():
        mask.unlink()
    (found,) = of_kind(check_dataset("folder", root), "defect without mask")
    assert found.severity == "info" and len(found.files) == 4


def test_a_folder_with_normal_images_only_says_what_it_cannot_serve_for(tmp_path):
    for i in range(6):
        write_image(tmp_path / f"good/{i}.png", i)
    report = check_dataset("folder", tmp_path)
    assert report.ok and ("warning", "unusable split") in problems(report)
    assert sum(normal for normal, _ in report.counts.values()) == 6


def test_several_sizes_are_summed_up(tmp_path):
    root = folder(tmp_path)
    write_image(root / "good/wide.png", 20, (24, 40))
    text = of_kind(check_dataset("folder", root), "sizes")[0].text
    assert text == "2 sizes: height 24 to 24, width 16 to 40; 8 images are 24 x 16 (height x width)"


def test_progress_sees_every_image(tmp_path):
    seen = []

    def watch(looks, total):
        seen.append(total)
        return looks

    check_dataset("ksdd2", ksdd2(tmp_path), watch=watch)
    assert seen == [5]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("surfaces", "surfaces is drawn by the program, so there are no files to check"),
        ("ksdd3", "unknown data set 'ksdd3'"),
        ("dtd", "dtd holds textures without labels"),
    ],
)
def test_what_cannot_be_checked_is_refused(name, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        check_dataset(name, None if name == "surfaces" else tmp_path)


def test_a_wrong_bound_is_refused_before_a_file_is_read(tmp_path):
    with pytest.raises(ValueError, match=r"bound is a correlation in \(0, 1\], got 1.5"):
        check_dataset("ksdd2", tmp_path / "absent", bound=1.5)


def test_a_finding_of_unknown_severity_is_refused():
    with pytest.raises(ValueError, match="severity is one of error, warning, info, got 'bad'"):
        Finding("sizes", "bad", "")


def test_the_report_names_ten_files_and_says_how_many_more(tmp_path):
    findings = (Finding("stray files", "warning", "12 files", tuple(f"{tmp_path}/train/{i}.png" for i in range(12))),)
    report = CheckReport("ksdd2", str(tmp_path), {"train": (3, 1)}, 2, findings)
    lines = render_report(report).splitlines()
    assert lines[0] == f"ksdd2 at {tmp_path}"
    assert lines[1:3] == ["  train: 4 images, 3 normal and 1 defective", "  groups: 2"]
    assert "warning: stray files: 12 files" in lines and "    train/9.png" in lines and "    train/10.png" not in lines
    assert lines[-3:] == ["    and 2 more", "", "ksdd2: no errors, 1 warning"]
    assert "    train/11.png" in render_report(report, None).splitlines()


def test_a_datasheet_holds_terms_counts_and_known_errors_and_no_path_of_the_machine(tmp_path):
    root = ksdd2(tmp_path)
    (root / "train/10000.png").write_bytes(b"")
    sheet = render_datasheet(check_dataset("ksdd2", root))
    assert "- **Licence**: CC BY-NC-SA 4.0" in sheet and "doi:10.1016/j.compind.2021.103459" in sheet
    assert "- **Official counts**: train 2085 + 246, test 894 + 110" in sheet
    assert "## Errors" in sheet and "train/10000.png: expected an image, found an empty file" in sheet
    assert str(root) not in sheet
