"""The training of student and head: joint, or in two phases; resumable, stopped by a loss that is not finite."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from defectlab.detection.checkpoints import TrainingFolder
from defectlab.detection.inputs import FLIPS
from defectlab.detection.step_training import StepTrainer
from defectlab.detection.student_teacher.losses import Losses, joint_loss
from defectlab.detection.student_teacher.network import Network, Output, PairNetwork
from defectlab.detection.student_teacher.remembered import Remembered
from defectlab.detection.student_teacher.settings import StudentTeacherSettings, TrainingSettings
from defectlab.detection.student_teacher.triplets import Triplets
from defectlab.detection.training import seeded

ORDER, DRAW, NOISE = 0, 1, 2  # independent streams of random numbers
Batch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Learnt:
    """What a checkpoint keeps of a network: all but the teacher."""

    network: PairNetwork

    def state_dict(self) -> dict[str, Tensor]:
        """Student and head."""
        return self.network.trained_state()

    def load_state_dict(self, state: dict[str, Tensor], /) -> None:
        """Sets both; the teacher stays."""
        self.network.load_trained_state(state)


class PairTrainer(StepTrainer):
    """One training, which a second trainer on the same folder goes on with; losses and optimiser are a subclass's.

    Args:
        network: its student and head are trained; the teacher stays as it is.
        triplets: of ``settings.size``.
        settings: the settings.
        folder: for ``checkpoint.pt`` and ``log.csv``, both written every ``settings.every`` steps; ``None``: neither.
        device: where to compute.
        show_progress: draw a bar of steps.

    Raises:
        ValueError: if the folder's checkpoint is of another training.
    """

    def __init__(
        self,
        network: PairNetwork,
        triplets: Triplets,
        settings: TrainingSettings,
        folder: Path | None = None,
        device: torch.device | str = "cpu",
        show_progress: bool = False,
    ) -> None:
        self.triplets, self.settings, self.device = triplets, settings, torch.device(device)
        self.network = network.to(self.device)
        self.optimiser = self.make_optimiser()
        self.learning = [p for group in self.optimiser.param_groups for p in group["params"]]
        self.amp = settings.amp and self.device.type == "cuda"
        key, parts = asdict(settings) | {"triplets": triplets.digest}, {"trained": Learnt(self.network)}
        kept = TrainingFolder(folder, key, {**parts, "optimiser": self.optimiser}, self.device)
        super().__init__(kept, settings, settings.every, self.network.spec.architecture, show_progress)

    @abstractmethod
    def make_optimiser(self) -> torch.optim.Optimizer:
        """Of everything that learns; each group has a ``"scale"`` of the learning rate."""

    @abstractmethod
    def losses(self, output: Output, mask: Tensor) -> Losses:
        """The losses of one batch.

        Args:
            output: of the network.
            mask: 0 or 1, float32, shape ``(n, 1, H, W)``.
        """

    def run(self) -> pd.DataFrame:
        """Trains to the last step.

        Returns:
            `history`, whose means are of cosine, focal, distance and total.

        Raises:
            FloatingPointError: if the loss is no longer finite; the last checkpoint stays.
        """
        history = super().run()
        self.network.eval()
        return history

    @property
    def advice(self) -> str:
        """What to change where a loss is no number."""
        return f"lower lr (now {self.settings.lr}) or clip (now {self.settings.clip})"

    def numbers(self, step: int) -> dict[str, float]:
        """One step, and its losses as numbers."""
        return self.train_step(step).numbers()

    def train_step(self, step: int) -> Losses:
        """One step of the optimiser; what it does depends on the weights, the seed and the number of the step alone."""
        s = self.settings
        head_alone = bool(s.cosine_steps) and step >= s.cosine_steps
        self.network.train()
        if head_alone:
            self.network.student.eval()
        for group in self.optimiser.param_groups:
            group["lr"] = s.rate(step) * group["scale"]
        clean, anomalous, mask = self.batch(step)
        noise = int(_seed(s.seed, NOISE, step))
        with seeded(noise, self.device), torch.autocast(self.device.type, torch.bfloat16, enabled=self.amp):
            output = self.forward(step, clean, anomalous, head_alone)
        losses = self.losses(output, mask)
        # while the student is frozen, no gradient of the cosine is left in the total
        loss = losses.cosine if step < s.cosine_steps else losses.total
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.learning, s.clip)
        self.optimiser.step()
        return losses

    def forward(self, step: int, clean: Tensor, anomalous: Tensor, freeze_student: bool) -> Output:
        """The network's output for the images of a step."""
        output: Output = self.network(clean, anomalous, freeze_student=freeze_student)
        return output

    def draw(self, step: int) -> tuple[Tensor, Tensor, list[int]]:
        """Triplets of a step, shape ``(n,)``; which of them show the normal image; and how each is mirrored."""
        s = self.settings
        indices = torch.tensor(list(_order(len(self.triplets), s.batch_size, step, s.seed)))
        generator = torch.Generator().manual_seed(_seed(s.seed, DRAW, step))
        normal = torch.rand(len(indices), generator=generator) < s.normal_share
        return indices, normal, torch.randint(len(FLIPS[s.flips]), (len(indices),), generator=generator).tolist()

    def batch(self, step: int) -> Batch:
        """I and A, float32 ``(n, 3, H, W)`` in [0, 1], and M, float32 ``(n, 1, H, W)``, of one step.

        A share of the draws shows the normal image, with an empty mask, in place of A.
        """
        indices, drawn, variants = self.draw(step)
        normal, axes = drawn[:, None, None, None], FLIPS[self.settings.flips]
        clean, mask = self.triplets.normal[indices], self.triplets.mask[indices] & ~normal
        anomalous = torch.where(normal, clean, self.triplets.anomalous[indices])
        parts = []
        for part, scale in ((clean, 255.0), (anomalous, 255.0), (mask, 1.0)):
            mirrored = torch.stack([image.flip(axes[v]) for image, v in zip(part, variants, strict=True)])
            parts.append(mirrored.to(self.device, non_blocking=True).float() / scale)
        return parts[0], parts[1], parts[2]


class StudentTeacherTrainer(PairTrainer):
    """The training of `Network`: AdamW, an encoder of the student's own at a slower rate, and the joint loss."""

    network: Network
    settings: StudentTeacherSettings
    remembered: Remembered | None = None

    def run(self) -> pd.DataFrame:
        """As `PairTrainer.run`; where no image is mirrored, the teacher sees each of them once."""
        if self.settings.flips == "none":
            self.remembered = Remembered.of(self.network.teacher, self.triplets, self.settings.batch_size, self.device)
        try:
            return super().run()
        finally:
            self.remembered = None

    def forward(self, step: int, clean: Tensor, anomalous: Tensor, freeze_student: bool) -> Output:
        """As `PairTrainer.forward`, from the teacher's remembered features where there are any."""
        if self.remembered is None:
            return super().forward(step, clean, anomalous, freeze_student)
        indices, normal, _ = self.draw(step)
        levels = self.remembered.batch(indices, normal)
        output: Output = self.network(clean, anomalous, freeze_student=freeze_student, levels=levels)
        return output

    def make_optimiser(self) -> torch.optim.AdamW:
        """AdamW; an encoder that learns has ``encoder_lr_scale`` of the rate."""
        encoder, s = self.network.student.encoder, self.settings
        slow = [] if encoder is None else list(encoder.parameters())
        known = {id(p) for p in slow}
        fast = [p for p in self.network.parameters() if p.requires_grad and id(p) not in known]
        groups = [{"params": p, "scale": scale} for p, scale in ((fast, 1.0), (slow, s.encoder_lr_scale)) if p]
        return torch.optim.AdamW(groups, lr=s.lr, weight_decay=s.weight_decay)

    def losses(self, output: Output, mask: Tensor) -> Losses:
        """Cosine, focal and L1, less what the settings remove."""
        return joint_loss(output.pairs, output.logits, mask, self.settings)


def _order(n: int, batch_size: int, step: int, seed: int) -> Iterator[int]:
    """Positions of one batch in an endless row of shuffled passes."""
    passes: dict[int, Tensor] = {}
    for place in range(step * batch_size, (step + 1) * batch_size):
        epoch, i = divmod(place, n)
        if epoch not in passes:
            generator = torch.Generator().manual_seed(_seed(seed, ORDER, epoch))
            passes[epoch] = torch.randperm(n, generator=generator)
        yield int(passes[epoch][i])


def _seed(seed: int, stream: int, index: int) -> int:
    return int(np.random.SeedSequence([seed, stream, index]).generate_state(1, np.uint64)[0] >> np.uint64(1))
