import torch

from defectlab.detection.sampling import Order, epoch_order, epoch_seed

LABELS = torch.tensor([0] * 9 + [1] * 2)


def test_unbalanced_every_image_is_drawn_once():
    order = epoch_order(LABELS, 1, "none", seed=0, epoch=0)
    assert sorted(order.indices.tolist()) == list(range(11))


def test_balanced_every_other_draw_is_defective_and_the_epoch_keeps_its_length():
    order = epoch_order(LABELS, 1, "balanced", seed=0, epoch=0)
    assert LABELS[order.indices].tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]


def test_balanced_the_images_of_a_class_are_drawn_equally_often():
    drawn = epoch_order(LABELS, 1, "balanced", seed=0, epoch=0).indices.tolist()
    assert {drawn.count(9), drawn.count(10)} == {2, 3}  # five defective draws of two images
    assert all(drawn.count(i) <= 1 for i in range(9))


def test_the_order_is_a_function_of_seed_and_epoch():
    def draws(seed: int, epoch: int) -> list[int]:
        return epoch_order(LABELS, 4, "none", seed, epoch).indices.tolist()

    assert draws(1, 2) == draws(1, 2)
    assert draws(1, 2) != draws(1, 3) and draws(1, 2) != draws(2, 2)
    assert epoch_seed(1, 0) != epoch_seed(0, 1)


def test_every_mirror_image_is_drawn():
    variants = epoch_order(torch.arange(200) % 2, 4, "none", 0, 0).variants
    assert sorted(set(variants.tolist())) == [0, 1, 2, 3]


def test_a_single_image_left_over_joins_the_batch_before():
    nine = Order(torch.arange(9), torch.zeros(9))
    assert [len(indices) for indices, _ in nine.batches(4)] == [4, 5]
    assert [len(indices) for indices, _ in nine.batches(7)] == [7, 2]
    assert [len(indices) for indices, _ in nine.batches(20)] == [9]
