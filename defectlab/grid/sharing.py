"""What cells share: which images serve which methods, how many are made, and what making each cell alone would take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from defectlab.grid.jobs import BASELINE, FINE_TUNED, Cell, FineTune, ImageSet

PARTS: Mapping[str, tuple[str, ...]] = {"in_and_out": (FINE_TUNED, "memseg")}
"""Methods that are put together from the first images of others; an odd image goes to the first."""
OF_REGIME = frozenset({FINE_TUNED})
"""Methods whose images depend on the regime; the others start from normal images and serve every regime."""


@dataclass(frozen=True)
class Counts:
    """What a grid computes.

    Attributes:
        fine_tunings: of the generator.
        images: synthetic ones, for training and for choosing thresholds.
        trainings: of the classifier.
    """

    fine_tunings: int
    images: int
    trainings: int


def validation_count(n_aug: int) -> int:
    """Synthetic images that a cell chooses its threshold on, beside its ``n_aug``; `experiments.arms` makes as many."""
    return max(10, n_aug // 5)


def parts(method: str, n_aug: int) -> dict[str, int]:
    """The sets that a cell's images are taken from, with the ``n_aug`` that each is made for.

    A method that is put together takes the first half of each of its parts; an odd image is the first part's.

    Args:
        method: short name.
        n_aug: of the cell.

    Returns:
        Count by method, empty for ``none``.
    """
    if method == BASELINE:
        return {}
    if method not in PARTS:
        return {method: n_aug}
    # Half the training images, and no less than brings half the validation images along.
    train, validation = (n_aug + 1) // 2, (validation_count(n_aug) + 1) // 2
    enough = train if validation_count(train) >= validation else 5 * validation
    return dict.fromkeys(PARTS[method], enough)


def image_sets(cells: Iterable[Cell]) -> tuple[ImageSet, ...]:
    """The sets that serve all cells, each as long as its longest use."""
    longest: dict[tuple[str, str, int], int] = {}
    for cell in cells:
        for method, count in parts(cell.method, cell.n_aug).items():
            key = method, _regime(method, cell.regime), cell.seed
            longest[key] = max(longest.get(key, 0), count)
    return tuple(ImageSet(*key, count) for key, count in longest.items())


def fine_tunings(sets: Iterable[ImageSet]) -> tuple[FineTune, ...]:
    """One for every regime and seed that has a fine-tuned set."""
    return tuple(dict.fromkeys(FineTune(item.regime, item.seed) for item in sets if item.method == FINE_TUNED))


def serves(item: ImageSet, cell: Cell) -> bool:
    """Whether the cell trains on images of the set."""
    own = item.seed == cell.seed and item.method in parts(cell.method, cell.n_aug)
    return own and item.regime == _regime(item.method, cell.regime)


def shared_counts(cells: Iterable[Cell]) -> Counts:
    """What the grid computes."""
    cells = tuple(cells)
    sets = image_sets(cells)
    images = sum(item.count + validation_count(item.count) for item in sets)
    return Counts(len(fine_tunings(sets)), images, len(cells))


def alone_counts(cells: Iterable[Cell]) -> Counts:
    """What the cells would compute if each were run alone."""
    cells = tuple(cells)
    images = sum(cell.n_aug + validation_count(cell.n_aug) for cell in cells if cell.method != BASELINE)
    tuned = sum(FINE_TUNED in parts(cell.method, cell.n_aug) for cell in cells)
    return Counts(tuned, images, len(cells))


def _regime(method: str, regime: str) -> str:
    return regime if method in OF_REGIME else ""
