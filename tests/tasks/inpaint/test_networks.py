"""LaMa's layers against slow references, on sizes and in types that the originals cannot take."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.errors import InputError, UnknownName
from retouch.tasks.inpaint.network.dilated import MultiDilatedConv, MultiDilatedGlobalGenerator
from retouch.tasks.inpaint.network.fourier import (
    FFC,
    FourierUnit,
    LocalFourierUnit,
    SpectralTransform,
    _picture_by_matrices,
    _spectrum_by_matrices,
    picture_of,
    spectrum,
)
from retouch.tasks.inpaint.network.generator import FFCGenerator
from retouch.tasks.inpaint.network.regular import GlobalGenerator
from tests.tasks.inpaint import originals

ODD_SIZES = [(1, 1), (1, 6), (5, 1), (2, 2), (7, 9), (8, 11), (9, 8), (13, 6)]


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def filled(network: nn.Module) -> nn.Module:
    return originals.randomised(network).double()


def waves(size: int) -> Tensor:
    """The matrix of the discrete Fourier transform, orthonormal."""
    place = torch.arange(size, dtype=torch.float64)
    angle = -2 * torch.pi * torch.outer(place, place) / size
    found: Tensor = torch.complex(angle.cos(), angle.sin()) / size**0.5
    return found


def by_matrices(unit: FourierUnit, x: Tensor) -> Tensor:
    """What a Fourier unit computes, with whole matrices and the whole spectrum."""
    batch, channels, height, width = x.shape
    rows, columns = waves(height), waves(width)
    spectrum = rows @ x.to(torch.complex128) @ columns.T
    half = spectrum[..., : width // 2 + 1]
    parts = torch.empty(batch, 2 * channels, *half.shape[2:], dtype=torch.float64)
    parts[:, 0::2], parts[:, 1::2] = half.real, half.imag
    kernel = unit.conv_layer.weight[:, :, 0, 0]
    made = torch.einsum("oi,bihw->bohw", kernel, parts)
    norm = unit.bn
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    made = (made - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
    made = made.clamp_min(0)
    half = torch.complex(made[:, 0::2], made[:, 1::2])
    # A real inverse goes down the columns first, then takes what is left out for the mirror image of what is
    # there, and of frequencies that are their own image the real part alone.
    along = rows.conj().T @ half
    whole = torch.zeros(*along.shape[:-1], width, dtype=torch.complex128)
    whole[..., : width // 2 + 1] = along
    for frequency in range(width):
        if 2 * frequency > width:
            whole[..., frequency] = along[..., width - frequency].conj()
        elif 2 * frequency in (0, width):
            whole[..., frequency] = along[..., frequency].real.to(torch.complex128)
    return (whole @ columns.conj()).real


@torch.no_grad()
@pytest.mark.parametrize("size", ODD_SIZES)
def test_fourier_unit_against_matrices(size: tuple[int, int]) -> None:
    unit = filled(FourierUnit(3, 2))
    assert isinstance(unit, FourierUnit)
    x = numbers(2, 3, *size)
    torch.testing.assert_close(unit(x), by_matrices(unit, x), rtol=0, atol=1e-12)


@torch.no_grad()
@given(height=st.integers(1, 24), width=st.integers(1, 24), channels=st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_fourier_unit_is_that_of_lama(height: int, width: int, channels: int) -> None:
    original = originals.randomised(originals.FourierUnit(channels, channels))
    unit = FourierUnit(channels, channels).eval()
    unit.load_state_dict(original.state_dict())
    x = numbers(1, channels, height, width).float()
    torch.testing.assert_close(unit(x), original(x), rtol=0, atol=1e-5)
    torch.testing.assert_close(unit.double()(x.double()), original.double()(x.double()), rtol=0, atol=1e-9)


@torch.no_grad()
def test_every_output_of_a_fourier_unit_depends_on_every_input() -> None:
    unit = filled(FourierUnit(2, 2))
    x = numbers(1, 2, 9, 12)
    changed = x.clone()
    changed[0, 0, 0, 0] += 1
    assert ((unit(changed) - unit(x)).abs() > 1e-9).all()


@given(height=st.integers(1, 16), width=st.integers(1, 16))
@settings(max_examples=25, deadline=None)
def test_the_transform_by_matrices_is_the_transform(height: int, width: int) -> None:
    # What runs on MPS, whose own inverse is wrong for odd sizes.
    x = numbers(2, 3, height, width)
    parts = _spectrum_by_matrices(x)
    torch.testing.assert_close(parts, spectrum(x), rtol=0, atol=1e-12)
    # No spectrum of a real map: what a network makes has imaginary parts where such a one has none.
    made = numbers(*parts.shape, seed=1)
    torch.testing.assert_close(
        _picture_by_matrices(made, (height, width)), picture_of(made, (height, width)), rtol=0, atol=1e-12
    )


@torch.no_grad()
def test_mirrored_edges_are_padding_and_cropping() -> None:
    unit, plain = FourierUnit(2, 3, edges="mirror"), FourierUnit(2, 3)
    plain.load_state_dict(filled(unit).float().state_dict())
    x = numbers(1, 2, 8, 13).float()
    wider = F.pad(x, (4, 4, 2, 2), mode="reflect")
    torch.testing.assert_close(unit(x), plain.eval()(wider)[..., 2:-2, 4:-4])


@torch.no_grad()
def test_ffc_local_paths_are_convolutions_by_hand() -> None:
    layer = filled(FFC(8, 8, 3, (0.5, 0.5), padding=1))
    assert isinstance(layer, FFC)
    spectral = layer.get_submodule("convg2g")
    near, far = numbers(1, 4, 6, 7), numbers(1, 4, 6, 7, seed=1)
    kernels = {name: layer.get_parameter(f"{name}.weight") for name in ("convl2l", "convl2g", "convg2l")}

    def by_hand(kernel: Tensor, x: Tensor) -> Tensor:
        made = torch.zeros(1, len(kernel), *x.shape[2:], dtype=torch.float64)
        rows, columns = x.shape[2:]
        for row in range(rows):
            for column in range(columns):
                for down in (-1, 0, 1):
                    for right in (-1, 0, 1):
                        # Mirrored at the border pixel, which is not repeated.
                        y = rows - 1 - abs(rows - 1 - abs(row + down))
                        z = columns - 1 - abs(columns - 1 - abs(column + right))
                        made[0, :, row, column] += kernel[:, :, down + 1, right + 1] @ x[0, :, y, z]
        return made

    found_near, found_far = layer((near, far))
    wanted_near = by_hand(kernels["convl2l"], near) + by_hand(kernels["convg2l"], far)
    torch.testing.assert_close(found_near, wanted_near, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        found_far, by_hand(kernels["convl2g"], near) + spectral(far), rtol=0, atol=1e-12
    )


@torch.no_grad()
def test_spectral_transform_is_that_of_lama() -> None:
    for lfu in (False, True):
        original = originals.randomised(originals.SpectralTransform(8, 16, lfu=lfu))
        ours = SpectralTransform(8, 16, lfu=lfu).eval()
        ours.load_state_dict(original.state_dict())
        for size in ((10, 10), (6, 12), (12, 2)):
            x = numbers(2, 8, *size)
            torch.testing.assert_close(ours.double()(x), original.double()(x), rtol=0, atol=1e-12)


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(9, 9), (9, 6), (6, 5), (1, 1)])
def test_quarters_of_an_odd_map_have_its_last_row_and_column_twice(height: int, width: int) -> None:
    unit = filled(LocalFourierUnit(8))
    x = numbers(1, 8, height, width)
    even = F.pad(x, (0, width % 2, 0, height % 2), mode="replicate")
    torch.testing.assert_close(unit(x), unit(even)[..., :height, :width], rtol=0, atol=1e-12)


GENERATORS: dict[str, Callable[[], nn.Module]] = {
    "lama": lambda: FFCGenerator(width=4, blocks=2),
    "all global": lambda: FFCGenerator(width=4, blocks=2, ratio=1.0),
    "all local": lambda: FFCGenerator(width=4, blocks=2, ratio=0.0),
    "lfu": lambda: FFCGenerator(width=8, blocks=2, lfu=True),
    "all global lfu": lambda: FFCGenerator(width=4, blocks=1, ratio=1.0, lfu=True),
    "spectral": lambda: FFCGenerator(width=4, blocks=2, local="spectral"),
    "all spectral": lambda: FFCGenerator(width=4, blocks=2, local="all-spectral"),
    "mirror": lambda: FFCGenerator(width=4, blocks=2, edges="mirror"),
    "regular": lambda: GlobalGenerator(width=4, blocks=2),
    "dilated": lambda: MultiDilatedGlobalGenerator(width=4, blocks=2),
}

# A multiple of 8, but 72/8 = 9 is odd: upstream's local Fourier units and small dilated maps fail there.
SIZES = [(16, 16), (24, 72), (72, 40)]


@torch.no_grad()
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", GENERATORS)
def test_every_generator_takes_every_multiple_of_eight(name: str, size: tuple[int, int]) -> None:
    network = originals.randomised(GENERATORS[name]())
    x = torch.rand(2, 4, *size, generator=torch.Generator().manual_seed(2))
    found = network(x)
    assert found.shape == (2, 3, *size)
    assert 0 <= found.min() < found.max() <= 1
    # Each picture is filled as if it were alone.
    torch.testing.assert_close(found[1:], network(x[1:]), rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["lama", "all global", "lfu", "all spectral", "regular", "dilated"])
def test_every_generator_works_under_autocast(name: str, dtype: torch.dtype) -> None:
    network = originals.randomised(GENERATORS[name]())
    x = torch.rand(1, 4, 40, 72, generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", dtype=dtype):
        found = network(x)
    assert found.isfinite().all()
    torch.testing.assert_close(found.float(), network(x), rtol=0, atol=0.06)


def test_gradients_reach_every_parameter() -> None:
    for name, make in GENERATORS.items():
        network = originals.randomised(make())
        x = torch.rand(1, 4, 32, 40, generator=torch.Generator().manual_seed(2))
        slopes = torch.autograd.grad(network(x).square().sum(), list(network.parameters()))
        assert all(slope.isfinite().all() and slope.abs().sum() > 0 for slope in slopes), name


@torch.no_grad()
@pytest.mark.parametrize("size", [(9, 9), (20, 12), (2, 3), (1, 1), (1, 30), (8, 5)])
def test_dilated_kernels_mirror_maps_smaller_than_their_reach(size: tuple[int, int]) -> None:
    layer = filled(MultiDilatedConv(8, 4))
    x = numbers(1, 8, *size)

    def mirrored(place: int, side: int) -> int:
        place %= max(2 * side - 2, 1)
        return min(place, 2 * side - 2 - place) if side > 1 else 0

    wanted = torch.zeros(1, 8, *size, dtype=torch.float64)
    for number, part in enumerate(x.chunk(4, dim=1)):
        reach = 2**number
        rows, columns = (
            [[mirrored(place + step, side) for place in range(side)] for step in (-reach, 0, reach)]
            for side in size
        )
        weight = layer.get_parameter(f"convs.{number}.weight")
        wanted += layer.get_parameter(f"convs.{number}.bias")[:, None, None]
        for down in range(3):
            for right in range(3):
                seen = part[:, :, rows[down]][..., columns[right]]
                wanted += torch.einsum("oi,bihw->bohw", weight[:, :, down, right], seen)
    torch.testing.assert_close(layer(x), wanted, rtol=0, atol=1e-12)


@torch.no_grad()
def test_a_dilated_part_looks_only_so_far() -> None:
    layer = filled(MultiDilatedConv(8, 4))
    x = torch.zeros(1, 8, 41, 41, dtype=torch.float64)
    for number in range(4):
        pulse = x.clone()
        pulse[0, 2 * number, 20, 20] = 1
        seen = (layer(pulse) - layer(x)).abs().amax(1)[0].nonzero() - 20
        assert set(seen.flatten().tolist()) == {-(2**number), 0, 2**number}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: GlobalGenerator(width=0), "width is 0"),
        (lambda: GlobalGenerator(blocks=-1), "blocks is -1"),
        (lambda: GlobalGenerator(downsampling=0), "downsampling is 0"),
        (lambda: MultiDilatedGlobalGenerator(dilations=0), "dilations is 0"),
        (lambda: MultiDilatedGlobalGenerator(width=4, dilations=5), "32 channels cannot be shared out to 5"),
    ],
)
def test_what_cannot_be_built_says_so(make: Callable[[], nn.Module], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()
    with pytest.raises(UnknownName, match="activation"):
        GlobalGenerator(width=2, blocks=0, activation="relu")  # type: ignore[arg-type]


@torch.no_grad()
def test_tanh_is_the_other_last_activation() -> None:
    for build in (GlobalGenerator, MultiDilatedGlobalGenerator):
        network = build(width=4, blocks=1, activation="tanh").eval()
        same = build(width=4, blocks=1).eval()
        same.load_state_dict(network.state_dict())
        x = torch.rand(1, 4, 16, 16, generator=torch.Generator().manual_seed(2))
        torch.testing.assert_close(network(x), 2 * torch.sigmoid(2 * torch.logit(same(x))) - 1)
