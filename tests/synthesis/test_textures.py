import sys
from types import ModuleType

import cv2
import numpy as np
import pytest

from defectlab.synthesis.textures import FolderTextures, SurfaceTextures, dtd, texture_source


@pytest.fixture
def textures(tmp_path):
    """A small DTD: two classes, one image each, of one colour each, and something that is no image."""
    for name, level in (("banded/banded_0001", 10), ("woven/woven 0001", 200)):
        path = tmp_path / "dtd" / "images" / f"{name}.png"
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), np.full((6, 9, 3), level, np.uint8))
    (tmp_path / "dtd" / "images" / "notes.txt").write_text("no texture")
    (tmp_path / "dtd" / "images" / ".hidden.png").write_bytes(b"no texture either")
    return tmp_path


def test_textures_have_the_size_asked_for_height_first(textures):
    texture = dtd(textures).draw(np.random.default_rng(0), 20, 30)
    assert texture.shape == (20, 30, 3) and texture.dtype == np.uint8


def test_every_image_is_drawn_and_nothing_else(textures):
    source, rng = dtd(textures / "dtd"), np.random.default_rng(0)
    assert {int(source.draw(rng, 4, 4)[0, 0, 0]) for _ in range(30)} == {10, 200}
    assert source.name == "dtd[2]"


def test_resizing_is_bilinear(tmp_path):
    cv2.imwrite(str(tmp_path / "ramp.png"), np.repeat(np.array([[0, 100]], np.uint8)[..., None], 3, axis=2))
    texture = FolderTextures(tmp_path).draw(np.random.default_rng(0), 1, 4)
    assert texture[0, :, 0].tolist() == [0, 25, 75, 100]


def test_surfaces_textures_come_from_the_procedural_set(monkeypatch):
    module = ModuleType("defectlab.data.surfaces")
    module.texture = lambda rng, height, width: np.full((height, width, 3), 7, np.uint8)
    monkeypatch.setitem(sys.modules, "defectlab.data.surfaces", module)
    assert (SurfaceTextures().draw(np.random.default_rng(0), 2, 3) == np.full((2, 3, 3), 7)).all()


def test_sources_by_name(textures):
    assert texture_source("none") is None
    assert isinstance(texture_source("surfaces"), SurfaceTextures)
    assert texture_source("dtd", textures).name == "dtd[2]"
    assert texture_source(textures / "dtd" / "images" / "woven").name == "woven[1]"


def test_an_unknown_source_is_answered_with_the_near_miss():
    with pytest.raises(ValueError, match="unknown texture source 'surface'; did you mean 'surfaces'"):
        texture_source("surface")


def test_a_folder_that_is_missing_or_holds_no_image_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"found nothing at .*absent"):
        FolderTextures(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=r"no image in .* or below \(.bmp"):
        FolderTextures(tmp_path)
