"""Tables of what was measured, from benchmarks/results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"

_WAYS = ("plain", "float32", "bfloat16")


def opencv_table() -> str:
    """Cloning beside OpenCV: times, errors, memory."""
    kept = json.loads((RESULTS / "poisson.json").read_text(encoding="utf-8"))
    rows = [
        "| unknowns | scene | gradients | retouch, ms | OpenCV, ms | OpenCV ÷ retouch "
        "| error of retouch | of OpenCV | bytes a pixel |",
        "|---:|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in kept["against_opencv"]:
        mine, theirs = row["retouch"], row["opencv"]
        rows.append(
            f"| {row['unknowns']:,} | {row['scene']} | {row['mode']} | {_time(mine)} | {_time(theirs)} "
            f"| {theirs['median_ms'] / mine['median_ms']:.1f} | {mine['error_max']} | {theirs['error_max']} "
            f"| {row['peak_bytes_per_box_pixel']} |"
        )
    machine = kept["machine"]
    rows.append(
        f"\nMedian (interquartile range) of {kept['runs']} runs, {kept['when']}, {kept['commit'][:9]}; "
        f"{machine['cores']} cores of {machine['processor']}, shared."
    )
    return "\n".join(rows)


def fpie_table() -> str:
    """Cloning beside fpie, given ten times as long."""
    kept = json.loads((RESULTS / "poisson.json").read_text(encoding="utf-8"))
    rows = [
        "| unknowns | retouch, ms | error, levels | fpie, ms | its steps | its error, levels |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {row['unknowns']:,} | {row['retouch_ms']} | {row['retouch_error_max']} | {row['fpie_ms']} "
        f"| {row['fpie_steps']:,} | {row['fpie_error_max']} |"
        for row in kept["against_fpie"]
    ]
    return "\n".join(rows)


def training_table() -> str:
    """Training beside a plain eager float32 loop."""
    path = RESULTS / "training.json"
    if not path.is_file():
        return "Not measured yet: `python benchmarks/training.py`."
    kept = json.loads(path.read_text(encoding="utf-8"))
    rows = ["| recipe | loop | s a step (IQR) | images/s | times as fast |", "|---|---|---:|---:|---:|"]
    for name, found in kept["steps"].items():
        for label, row in found["rows"].items():
            rows.append(
                f"| `{name}` | {label} | {row['median_s']:.3f} ({row['iqr_s']:.3f}) "
                f"| {row['images_per_s']:.2f} | {row['times_as_fast']:.2f} |"
            )
    machine, engine = kept["machine"], kept["engine"]
    rows.append(
        f"\n{kept['size']} px, batch {kept['batch']}, {kept['precision']}; median of {kept['rounds']} turns, "
        f"{kept['when']}, {kept['commit'][:9]}; {machine['cores']} cores of {machine['processor']}. "
        f"The engine takes {100 * engine['overhead']:.1f} % longer than a bare loop over one batch in memory "
        f"and waits for data {100 * engine['waiting_share']:.1f} % of the time."
    )
    return "\n".join(rows)


def filling_table() -> str:
    """Filling a hole beside the same network over the whole photo, and beside its plain layout."""
    path = RESULTS / "inpaint.json"
    if not path.is_file():
        return "Not measured yet: `python benchmarks/inpaint.py`."
    kept = json.loads(path.read_text(encoding="utf-8"))
    photo, network, machine = kept["photo"], kept["network"], kept["machine"]
    rows = ["| 12-megapixel photo, one hole of 3 % | s (IQR) |", "|---|---:|"]
    rows += [
        f"| {name} | {row['median_s']:.2f} ({row['iqr_s']:.2f}) |" for name, row in photo["rows"].items()
    ]
    rows += ["", "| the network alone, 512 px | s (IQR) | times as fast |", "|---|---:|---:|"]
    for name, row in network["rows"].items():
        times = network.get(f"times_{name}", 1.0)
        rows.append(f"| {name} | {row['median_s']:.3f} ({row['iqr_s']:.3f}) | {times:.2f} |")
    rows.append(
        f"\nMemory beyond the photo {photo['gigabytes_beyond']:.2f} GB, over the whole photo "
        f"{photo['gigabytes_beyond_whole']:.2f} GB. `plain` is LaMa's layout, eager, float32; `float32` "
        f"differs from it by at most {network['largest_difference']:.0e}, `bfloat16` is at "
        f"{network['bfloat16_db']:.1f} dB of it. {kept['model']}, {kept['when']}, {kept['commit'][:9]}; "
        f"{machine['cores']} cores of {machine['processor']}."
    )
    return "\n".join(rows)


def restoring_table() -> str:
    """Enlarging and denoising beside published networks: seconds and decibels."""
    path = RESULTS / "restore.json"
    if not path.is_file():
        return "Not measured yet: `python benchmarks/restore.py`."
    kept = json.loads(path.read_text(encoding="utf-8"))
    large, clean, machine = kept["enlarging"], kept["denoising"], kept["machine"]
    rows = [
        "| 480 × 320 → 1920 × 1280 | s (IQR) | Set5, dB Y | above bicubic | s for each dB of that |",
        "|---|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {name} | {row['median_s']:.3f} ({row['iqr_s']:.3f}) | {row['db']:.2f} "
        f"| {row['db_above_bicubic']:.2f} | {large['seconds_per_db'][name]:.3f} |"
        for name, row in large["rows"].items()
    ]
    rows += ["", "| noise of 25 levels | s a megapixel | CBSD68, dB RGB |", "|---|---:|---:|"]
    rows += [
        f"| {name} | {row['s_per_megapixel']:.2f} | {row['db']:.2f} |" for name, row in clean["rows"].items()
    ]
    times = large["times_imdn_per_db"]
    rows.append(
        f"\nFor each decibel above bicubic `upscale-x4` takes 1/{times['retouch']:.1f} of IMDN's time, in "
        f"bfloat16 1/{times['retouch bfloat16']:.1f}. The published networks run from their own files in "
        "their authors' layout, eager, in float32; DnCNN's is for gray pictures, applied to each channel. "
        f"{clean['pictures']} pictures of CBSD68. {kept['when']}, {kept['commit'][:9]}; {machine['cores']} "
        f"cores of {machine['processor']}."
    )
    return "\n".join(rows)


def stylizing_table() -> str:
    """A step of a painting beside plain loops, and whole pictures."""
    path = RESULTS / "stylize.json"
    if not path.is_file():
        return "Not measured yet: `python benchmarks/stylize.py`."
    kept = json.loads(path.read_text(encoding="utf-8"))
    machine = kept["machine"]
    rows = [
        "| full VGG-19, 4 : 3, longer side | plain float32, s a step (IQR) | retouch float32 "
        "| retouch bfloat16 | times as fast | loss apart |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    measured = [(f"Wasserstein, {side} px", found) for side, found in kept["steps"].items()]
    measured += [(f"Gram, {side} px", found) for side, found in kept["gram"].items()]
    for label, found in measured:
        cells = [
            f"{found['rows'][name]['median_s']:.3f} ({found['rows'][name]['iqr_s']:.3f})"
            for name in ("plain", "retouch float32", "retouch bfloat16")
        ]
        rows.append(
            f"| {label} | {' | '.join(cells)} | {found['retouch bfloat16 is times faster']:.1f} "
            f"| {found['retouch bfloat16 loss apart']:.0e} |"
        )
    rows += ["", "| whole picture, bundled network | steps | s | memory |", "|---|---|---:|---:|"]
    rows += [
        f"| {side} px | {' + '.join(map(str, job['steps']))} | {job['seconds']:.1f} "
        f"| {job['peak_gib']:.2f} GiB |"
        for side, job in kept["jobs"].items()
    ]
    off = max(100 * found["plain loss apart"] for found in kept["steps"].values())
    rows.append(
        "\nThe plain loop takes the matrix root by twelve steps of Newton and Schulz; losses are compared "
        f"with exact roots in float64, of which its own are up to {off:.0f} % off. Random weights. "
        f"{kept['when']}, "
        f"{kept['commit'][:9]}; {machine['cores']} cores of {machine['processor']}."
    )
    return "\n".join(rows)


def texturing_table() -> str:
    """How near textures and paintings come, for each network that looks at them."""
    path = RESULTS / "textures.json"
    if not path.is_file():
        return "Not measured yet: `python benchmarks/textures.py`."
    kept = json.loads(path.read_text(encoding="utf-8"))
    parts: list[str] = []
    for what in ("textures", "transfers"):
        found = kept[what]["rows"]
        names = list(next(iter(found.values()))["mean"])
        rows = [f"| {what} | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
        rows += [
            f"| {label} | " + " | ".join(f"{row['mean'][name]:.3g}" for name in names) + " |"
            for label, row in found.items()
        ]
        parts.append("\n".join(rows))
    parts.append(
        f"Means over all pictures, medians of {kept['seeds']} seeds, {kept['side']} px; judged by the "
        f"{kept['judge']}, with its maximum pooling. {kept['when']}, {kept['commit'][:9]}."
    )
    return "\n\n".join(parts)


def inversion_table() -> str:
    """Spaces and optimisers at equal evaluations, the one knob, and tuning."""
    path = RESULTS / "inversion.json"
    if not path.is_file():
        return "Not measured yet: `python benchmarks/inversion.py`."
    kept = json.loads(path.read_text(encoding="utf-8"))
    machine, found = kept["machine"], kept["held out"]
    rows = [
        f"| {kept['pictures']} held-out faces, {kept['evaluations']} evaluations | PSNR, dB (least, most) "
        "| prior (least, most) | s of one core |",
        "|---|---:|---:|---:|",
    ]
    rows += [
        f"| {name} | {_spread(row['psnr'], '.2f')} | {_spread(row['prior'], '.3g')} "
        f"| {row['seconds a picture']['median']:.1f} |"
        for name, row in found["rows"].items()
    ]
    rows += ["", "| fidelity | PSNR, dB (least, most) | prior (least, most) |", "|---|---:|---:|"]
    rows += [
        f"| {name} | {_spread(row['psnr'], '.2f')} | {_spread(row['prior'], '.3g')} |"
        for name, row in kept["fidelity"].items()
    ]
    own, tuning = kept["own"], kept["tuning"]
    rows.append(
        f"\nPixels alone, medians of {kept['seeds']} seeds. Of the generator's own pictures "
        + " and ".join(f"{name} finds {own[name]['reached']}" for name in ("p", "p+"))
        + f" to a mean square error below 1e-4 of [−1, 1] within {kept['evaluations']} evaluations, the "
        f"median at {own['p']['error']['median']:.0e} and {own['p+']['error']['median']:.0e}. Tuning goes "
        f"from {tuning['psnr before']['median']:.1f} to {tuning['psnr after']['median']:.1f} dB in "
        f"{tuning['seconds']['median']:.0f} s and {tuning['bytes'] / 1e6:.2f} MB. {kept['model']['name']}, "
        f"{kept['when']}, {kept['commit'][:9]}; {machine['cores']} cores of {machine['processor']}."
    )
    return "\n".join(rows)


def scribbles_table() -> str:
    """What is imagined outside the strokes of a scribble."""
    path = RESULTS / "scribbles.json"
    if not path.is_file():
        return "Not measured yet: `python benchmarks/scribbles.py`."
    kept = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        f"| strokes over {100 * kept['share']:.0f} % of {kept['samples']} own pictures "
        "| off outside the strokes (least, most) | off inside | s |",
        "|---|---:|---:|---:|",
    ]
    rows += [
        f"| {name} | {_spread(row['outside'], '.3f')} | {row['inside']['median']:.3f} "
        f"| {row['seconds']['median']:.1f} |"
        for name, row in kept["rows"].items()
    ]
    rows.append(f"\nMean of differences, of [0, 1]. {kept['model']}, {kept['when']}, {kept['commit'][:9]}.")
    return "\n".join(rows)


def generating_table() -> str:
    """Forward and backward through StyleGAN2 beside the plain operations."""
    path = RESULTS / "stylegan2.json"
    if not path.is_file():
        return "Not measured yet: `python benchmarks/stylegan2.py`."
    kept = json.loads(path.read_text(encoding="utf-8"))
    machine = kept["machine"]
    rows = [
        "| there and back | plain, s (IQR) | retouch float32 | times | retouch bfloat16 | times |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, row in kept["rows"].items():
        cells = [f"{row[way]['median_s']:.3f} ({row[way]['iqr_s']:.3f})" for way in _WAYS]
        times = [f"{row[f'{way} is times faster']:.1f}" for way in _WAYS[1:]]
        rows.append(f"| {name} | {cells[0]} | {cells[1]} | {times[0]} | {cells[2]} | {times[1]} |")
    rows.append(
        "\n`plain`: grouped convolutions with modulated weights, resampling by zeros between, eager, "
        "float32. Inversion goes by styles, training by weights; the number is that of pictures. "
        f"{kept['when']}, {kept['commit'][:9]}; {machine['cores']} cores of {machine['processor']}."
    )
    return "\n".join(rows)


def _spread(found: dict[str, float], form: str) -> str:
    return f"{found['median']:{form}} ({found['least']:{form}}, {found['most']:{form}})"


def _time(figures: dict[str, Any]) -> str:
    return f"{figures['median_ms']:.1f} ({figures['iqr_ms']:.1f})"
