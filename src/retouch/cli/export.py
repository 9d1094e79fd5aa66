"""``retouch export``: a network as a file for other programs, compared with the original first."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from retouch.cli.printing import DEFAULT, OUTPUT_GROUP, Printing, Result, one_line
from retouch.cli.watch import Watch
from retouch.cli.words import converter, number
from retouch.errors import InputError

if TYPE_CHECKING:
    from retouch.export import Exported, Quantised

EIGHT_BITS = Group("Eight bits", sort_key=1)


def export(
    model: Annotated[str, Parameter(help="A weights file, or the name of bundled or fetched weights.")],
    /,
    *,
    output: Annotated[
        Path,
        Parameter(
            name=["--output", "-o"],
            group=OUTPUT_GROUP,
            help="The .onnx file to write; with --int8 an .xml, beside which a .bin is written.",
        ),
    ],
    part: Annotated[
        str | None,
        Parameter(metavar="NAME", help="Which network, when the file holds several: G_A, for example."),
    ] = None,
    latent: Annotated[
        Literal["z", "w", "w+"] | None,
        Parameter(help="What a StyleGAN2 takes: noise (if left out), one style, or a style for each row."),
    ] = None,
    tolerance: Annotated[
        float,
        Parameter(
            metavar="X", n_tokens=1, converter=converter(number), help="The largest difference that may be."
        ),
    ] = 1e-4,
    int8: Annotated[
        bool,
        Parameter(
            group=EIGHT_BITS,
            negative="",
            show_default=False,
            help="Compute in 8 bits, as a network of OpenVINO; for networks of convolutions alone.",
        ),
    ] = False,
    calibrate: Annotated[
        Path | None,
        Parameter(
            group=EIGHT_BITS,
            metavar="DIR",
            help="A folder of pictures such as the network will get: every second one sets the 8 bits, and "
            "on the others the loss is measured.",
        ),
    ] = None,
    targets: Annotated[
        Path | None,
        Parameter(
            group=EIGHT_BITS,
            metavar="DIR",
            help="What the network should make of them, in files of the same names: measures both by it.",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        Parameter(group=OUTPUT_GROUP, negative="", show_default=False, help="Replace what is there already."),
    ] = False,
    printing: Printing = DEFAULT,
) -> Result:
    """Write a network as an ONNX file for other programs, checked against the original.

    The file takes pictures in [0, 1] of any size and gives such pictures. Before it is kept it is run in
    onnxruntime and compared with the network in torch; if they differ by more than the tolerance, nothing is
    written.
    """
    if not int8 and (calibrate or targets):
        option = "--calibrate" if calibrate else "--targets"
        raise InputError(f"{option} is for 8 bits; add --int8, or leave it out")
    if int8 and calibrate is None:
        raise InputError("--int8 needs --calibrate DIR, a folder of pictures such as the network will get")
    if int8 and latent:
        raise InputError("--latent is for a StyleGAN2, which is not for 8 bits; leave --latent or --int8 out")
    with Watch("export", bar=not printing.quiet) as watch:
        if int8 and calibrate is not None:
            from retouch.export import quantise

            return _of_quantised(
                quantise(
                    model,
                    output,
                    calibrate,
                    targets=targets,
                    part=part,
                    tolerance=tolerance,
                    overwrite=overwrite,
                    progress=watch,
                )
            )
        from retouch.export import export as write

        return _of_exported(
            write(
                model,
                output,
                part=part,
                latent=latent,
                tolerance=tolerance,
                overwrite=overwrite,
                progress=watch,
            )
        )


def _of_exported(done: Exported) -> Result:
    facts = {
        "output": str(done.path.absolute()),
        "bytes": done.size,
        "name": done.card.name,
        "task": done.card.task,
        "architecture": done.card.architecture,
        "licence": done.card.licence,
        "inputs": {port.name: list(port.shape) for port in done.graph.inputs},
        "outputs": {port.name: list(port.shape) for port in done.graph.outputs},
        "differences": [{"input": item.shape, "difference": item.largest} for item in done.differences],
        "largest": done.largest,
        "notes": list(done.graph.notes),
    }
    lines = [f"{item.shape:<16} differs from torch by {item.largest:.1e}" for item in done.differences]
    lines += [f"note: {note}" for note in done.graph.notes]
    lines.append(
        f"{one_line(str(done.path))} ({done.card.task} {done.card.architecture}, {done.size:,} bytes, "
        f"largest difference {done.largest:.1e})"
    )
    return Result(facts, "\n".join(lines))


def _of_quantised(done: Quantised) -> Result:
    quality = dataclasses.asdict(done.quality)
    facts = {
        "output": str(done.paths[0].absolute()),
        "weights": str(done.paths[1].absolute()),
        "bytes": sum(done.sizes),
        "name": done.card.name,
        "task": done.card.task,
        "architecture": done.card.architecture,
        "licence": done.card.licence,
        "calibrated": done.calibrated,
        "quality": {name: value for name, value in quality.items() if value is not None},
        "notes": list(done.notes),
    }
    found = done.quality
    lines = [
        f"8 bits beside floating point: {found.psnr:.2f} dB over {found.pictures} pictures, at worst "
        f"{found.worst:.2f} dB"
    ]
    if found.int8_psnr is not None:
        lines.append(
            f"beside the targets: floating point {found.float_psnr:.2f} dB, SSIM {found.float_ssim:.4f}; "
            f"8 bits {found.int8_psnr:.2f} dB, SSIM {found.int8_ssim:.4f}"
        )
    lines += [f"note: {note}" for note in done.notes]
    lines.append(
        f"{one_line(str(done.paths[0]))} and {done.paths[1].suffix} ({done.card.task} "
        f"{done.card.architecture}, {sum(done.sizes):,} bytes, set by {done.calibrated} pictures)"
    )
    return Result(facts, "\n".join(lines))
