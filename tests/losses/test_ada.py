"""ADA: what each change does, its derivatives, and the probability that follows the discriminator."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from retouch.errors import InputError, UnknownName
from retouch.losses.ada import EVERY, Controller, adapted


def pictures(count: int, side: int = 8, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    drawn = torch.rand((count, 3, side, side), generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return drawn * 2 - 1


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def test_nothing_happens_with_probability_0() -> None:
    x = pictures(4)
    assert torch.equal(adapted(x, 0.0, "blit,geometry,color,cutout"), x)


@pytest.mark.parametrize("kind", ["blit", "geometry", "color", "cutout"])
def test_pictures_change_as_often_as_asked(kind: str) -> None:
    x = pictures(1, 8).expand(3000, -1, -1, -1)
    y = adapted(x, 0.1, kind, generator=seeded())
    share = float((y - x).abs().flatten(1).amax(dim=1).gt(1e-6).float().mean())
    # Mirroring, turning and moving come each with 0.1, and leave the picture as it is in 1 of 2, 1 of 4 and
    # 1 of 9 cases: 1 - 0.95 * 0.925 * (1 - 0.1 * 8 / 9) = 0.199. Geometry: 1 - 0.9^4, colour: 1 - 0.9^4.
    wanted = {"blit": 0.199, "geometry": 1 - 0.9**4, "color": 1 - 0.9**4, "cutout": 0.1}[kind]
    assert share == pytest.approx(wanted, abs=0.03)


def test_blit_moves_whole_pixels() -> None:
    x = pictures(1, 16)
    made = adapted(x.expand(40, -1, -1, -1), 1.0, "blit", generator=seeded())
    known = []
    row = torch.cat([x.flip(3), x, x.flip(3)], dim=3)
    wide = torch.cat([row.flip(2), row, row.flip(2)], dim=2)  # mirrored at every border
    for mirrored, turns, dy, dx in product((False, True), range(4), range(-2, 3), range(-2, 3)):
        kind = torch.rot90(wide.flip(3) if mirrored else wide, turns, (2, 3))
        known.append(kind[:, :, 16 + dy : 32 + dy, 16 + dx : 32 + dx])
    distances = (made[:, None] - torch.stack(known, dim=1)).abs().flatten(2).amax(dim=2)
    assert float(distances.min(dim=1).values.max()) < 1e-6
    assert len(set(distances.argmin(dim=1).tolist())) > 15


def test_geometry_keeps_a_flat_picture_and_colours_what_is_grey() -> None:
    flat = torch.full((20, 3, 8, 8), 0.3)
    assert torch.allclose(adapted(flat, 1.0, "blit,geometry", generator=seeded()), flat, atol=1e-6)
    grey = pictures(20)[:, :1].expand(-1, 3, -1, -1)
    made = adapted(grey, 1.0, "color", generator=seeded())
    assert torch.allclose(made, made.mean(dim=1, keepdim=True).expand_as(made), atol=1e-5)
    assert float((made - grey).abs().mean()) > 0.1


def test_each_picture_changes_in_its_own_way_and_a_seed_repeats_it() -> None:
    x = pictures(1).expand(6, -1, -1, -1)
    made = adapted(x, 0.9, generator=seeded(3))
    assert torch.equal(made, adapted(x, 0.9, generator=seeded(3)))
    assert all(not torch.equal(made[0], other) for other in made[1:])


def test_a_wide_picture_is_not_turned_out_of_its_frame() -> None:
    x = torch.zeros(30, 3, 4, 16)
    x[:, :, :, 8:] = 1.0
    made = adapted(x, 1.0, "blit", generator=seeded())
    assert made.shape == x.shape
    # Left and right still differ, wherever the border moved: no row crosses it after a quarter turn.
    assert torch.equal(made[:, :, :1].expand_as(made), made)


def test_large_pictures_are_sampled_at_twice_their_size() -> None:
    ramp = torch.linspace(-1, 1, 272).expand(1, 3, 272, 272).contiguous()
    assert torch.allclose(adapted(ramp, 0.0, "geometry"), ramp, atol=1e-2)
    made = adapted(ramp, 1.0, "geometry", generator=seeded(1))
    assert made.shape == ramp.shape
    assert float((made - ramp).abs().max()) > 0.1


def test_first_and_second_derivatives_are_those_of_finite_differences() -> None:
    x = pictures(2, 4, dtype=torch.float64).requires_grad_()

    def judged(y: torch.Tensor) -> torch.Tensor:
        # Not linear, so that there is a second derivative at all, as R1 needs it.
        return adapted(y, 0.9, "blit,geometry,color,cutout", generator=seeded(5)).pow(3)

    assert torch.autograd.gradcheck(judged, (x,))
    assert torch.autograd.gradgradcheck(judged, (x,))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UnknownName, match="noise"):
        adapted(pictures(1), 0.5, "blit,noise")


def test_the_probability_follows_the_sign_of_the_judge() -> None:
    controller = Controller(0.6, 1000)
    for _ in range(2 * EVERY):
        controller.hear(torch.ones(5, 1))
    assert controller.p == pytest.approx(2 * EVERY * 5 / 1000)
    assert controller.sign == 1.0
    for _ in range(EVERY):
        controller.hear(torch.tensor([[1.0], [1.0], [1.0], [-1.0], [-1.0]]))  # a mean sign of 0.2, below 0.6
    assert controller.p == pytest.approx(EVERY * 5 / 1000)
    assert controller.sign == pytest.approx(0.2)
    for _ in range(10 * EVERY):
        controller.hear(-torch.ones(5, 1))
    assert controller.p == 0.0
    for _ in range(1000):
        controller.hear(torch.ones(5, 1))
    assert controller.p == 1.0


def test_a_controller_goes_on_where_it_stopped() -> None:
    one, other = Controller(0.6, 100), Controller(0.6, 100)
    for number in range(6):
        one.hear(torch.tensor([[1.0], [float(number)]]))
    other.load_state_dict(one.state_dict())
    for number in range(2):
        for controller in (one, other):
            controller.hear(torch.tensor([[1.0], [0.0 * number]]))
    assert one.state_dict() == other.state_dict()
    assert one.p > 0


def test_a_target_out_of_reach_is_refused() -> None:
    with pytest.raises(InputError, match="target"):
        Controller(1.0)
