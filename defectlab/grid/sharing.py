"""What cells share: which images serve which cells, how many are made, and what making each cell alone would take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from defectlab.grid.jobs import BASELINE, FINE_TUNED, Cell, FineTune, ImageSet

PARTS: Mapping[str, tuple[str, ...]] = {"in_and_out": (FINE_TUNED, "memseg")}
"""Methods that are put together from the first images of others; an odd image goes to the first."""


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


@dataclass(frozen=True)
class Sharing:
    """Which sets of images a grid has.

    Attributes:
        largest: greatest n_aug of the grid; training without synthetic images counts as this.
        by_count: methods whose image ``i`` depends on how many are made, so that each n_aug has a set of its own:
            DIAG, which takes its prompts in order, the paper's way, where it has several.
        few_masks: whether DIAG takes the masks of real positives, of which few-shot knows a few only.
    """

    largest: int
    by_count: frozenset[str] = frozenset({"diag"})
    few_masks: bool = True

    @classmethod
    def of(cls, paper: str, n_aug: Iterable[int], parameters: Mapping[str, Any]) -> Self:
        """The sharing that the parameters of a grid allow."""
        one_prompt = paper == "diag" and len(parameters.get("prompts", ())) == 1
        masks = parameters.get("masks", "real")
        return cls(max(n_aug), frozenset() if one_prompt else frozenset({"diag"}), masks == "real")

    def sets_of(self, cell: Cell) -> tuple[ImageSet, ...]:
        """The sets that the cell trains on or chooses its threshold on, each as long as this cell needs it."""
        return tuple(
            ImageSet(method, self._regime(method, cell.regime), cell.seed, count)
            for method, count in self._parts(cell).items()
        )

    def serves(self, item: ImageSet, cell: Cell) -> bool:
        """Whether the cell takes images from the set."""
        return any(self._place(item) == self._place(own) for own in self.sets_of(cell))

    def image_sets(self, cells: Iterable[Cell]) -> tuple[ImageSet, ...]:
        """The sets that serve all cells, each as long as its longest use."""
        longest: dict[object, ImageSet] = {}
        for item in (item for cell in cells for item in self.sets_of(cell)):
            place = self._place(item)
            longest[place] = max(item, longest.get(place, item), key=lambda found: found.count)
        return tuple(longest.values())

    def shared(self, cells: Iterable[Cell]) -> Counts:
        """What the grid computes."""
        cells = tuple(cells)
        sets = self.image_sets(cells)
        return Counts(len(fine_tunings(sets)), sum(all_images(item.count) for item in sets), len(cells))

    def alone(self, cells: Iterable[Cell]) -> Counts:
        """What the cells would compute if each were run alone."""
        cells = tuple(cells)
        tuned = sum(item.method == FINE_TUNED for cell in cells for item in self.sets_of(cell))
        return Counts(tuned, sum(self.images(cell) for cell in cells), len(cells))

    def images(self, cell: Cell) -> int:
        """Synthetic images that the cell sees, for training and for its threshold."""
        if cell.method != BASELINE:
            return all_images(cell.n_aug)
        return validation_count(self.largest) if self._parts(cell) else 0

    def _parts(self, cell: Cell) -> dict[str, int]:
        """Methods whose images the cell takes, with the ``n_aug`` that each is made for."""
        if cell.method == BASELINE:
            # Few-shot chooses its threshold on MemSeg's validation images, also where it trains on none.
            return {"memseg": self.largest} if cell.regime == "few_shot" else {}
        if cell.method not in PARTS:
            return {cell.method: cell.n_aug}
        # Half the training images, and no less than brings half the validation images along.
        train, validation = (cell.n_aug + 1) // 2, (validation_count(cell.n_aug) + 1) // 2
        enough = train if validation_count(train) >= validation else 5 * validation
        return dict.fromkeys(PARTS[cell.method], max(2, enough))

    def _regime(self, method: str, regime: str) -> str:
        """The regime where images depend on it; empty where they start from normal images alone."""
        few = method == "diag" and self.few_masks and regime == "few_shot"
        return regime if method == FINE_TUNED or few else ""

    def _place(self, item: ImageSet) -> object:
        """Sets of one place lie in one folder, the longer holding the shorter."""
        return item.method, item.regime, item.seed, item.count if item.method in self.by_count else None


def fine_tunings(sets: Iterable[ImageSet]) -> tuple[FineTune, ...]:
    """One for every regime and seed that has a fine-tuned set."""
    return tuple(dict.fromkeys(FineTune(item.regime, item.seed) for item in sets if item.method == FINE_TUNED))


def waits_for(job: FineTune, tunings: Iterable[FineTune]) -> tuple[FineTune, ...]:
    """The fine-tuning that must be done before, because both share their regularisation images.

    The first seed of each regime waits for the regime before, every other seed for the first of its regime: whichever
    of them share a set, it is made once, by one process.
    """
    tunings = tuple(tunings)
    firsts = list({item.regime: item for item in reversed(tunings)}.values())[::-1]
    own = next(item for item in firsts if item.regime == job.regime)
    if job != own:
        return (own,)
    place = firsts.index(own)
    return tuple(firsts[place - 1 : place]) if place else ()


def validation_count(n_aug: int) -> int:
    """Synthetic images that a cell chooses its threshold on, beside its ``n_aug``; `experiments.arms` makes as many."""
    return max(10, n_aug // 5)


def all_images(n_aug: int) -> int:
    """Images that a set of ``n_aug`` has with those of its validation part."""
    return n_aug + validation_count(n_aug)
