"""retouch: one toolkit that edits photographs.

>>> import retouch
>>> retouch.blend.__name__
'blend'

The names below are loaded when they are first used, so that ``import retouch`` touches no
disk, network or environment, and does not import numpy or torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retouch.errors import Cancelled as Cancelled
    from retouch.errors import RetouchError as RetouchError
    from retouch.image import Box as Box
    from retouch.image import Drawing as Drawing
    from retouch.image import Mask as Mask
    from retouch.image import Picture as Picture
    from retouch.image import Polygon as Polygon
    from retouch.image import Region as Region
    from retouch.progress import Progress as Progress
    from retouch.tasks.blend import PoissonSolver as PoissonSolver
    from retouch.tasks.blend import blend as blend
    from retouch.tasks.blend import fill as fill
    from retouch.tasks.blend import flatten as flatten
    from retouch.tasks.blend import recolor as recolor
    from retouch.tasks.blend import relight as relight
    from retouch.tasks.blend import solve_poisson as solve_poisson
    from retouch.tasks.blend import tile as tile
    from retouch.tasks.inpaint import Inpainter as Inpainter
    from retouch.tasks.inpaint import inpaint as inpaint
    from retouch.tasks.inpaint.recipe.evaluating import evaluate_inpainting as evaluate_inpainting
    from retouch.tasks.invert import Inversion as Inversion
    from retouch.tasks.invert import Inverter as Inverter
    from retouch.tasks.invert import draw as draw
    from retouch.tasks.invert import invert as invert
    from retouch.tasks.invert import morph as morph
    from retouch.tasks.invert import sample as sample
    from retouch.tasks.invert import vary as vary
    from retouch.tasks.restore import Restorer as Restorer
    from retouch.tasks.restore import restore as restore
    from retouch.tasks.restore import upscale as upscale
    from retouch.tasks.restore.recipe.evaluating import evaluate_restoration as evaluate_restoration
    from retouch.tasks.stylize import Painter as Painter
    from retouch.tasks.stylize import Stylizer as Stylizer
    from retouch.tasks.stylize import reconstruct as reconstruct
    from retouch.tasks.stylize import repaint as repaint
    from retouch.tasks.stylize import stylize as stylize
    from retouch.tasks.stylize import texture as texture
    from retouch.tasks.translate import Translator as Translator
    from retouch.tasks.translate import translate as translate
    from retouch.tasks.translate.recipe.evaluating import evaluate as evaluate

__version__ = "0.1.0"

_HOME = {
    "Box": "retouch.image",
    "Cancelled": "retouch.errors",
    "Drawing": "retouch.image",
    "Inpainter": "retouch.tasks.inpaint",
    "Inversion": "retouch.tasks.invert",
    "Inverter": "retouch.tasks.invert",
    "Mask": "retouch.image",
    "Painter": "retouch.tasks.stylize",
    "Picture": "retouch.image",
    "PoissonSolver": "retouch.tasks.blend",
    "Polygon": "retouch.image",
    "Progress": "retouch.progress",
    "Region": "retouch.image",
    "Restorer": "retouch.tasks.restore",
    "RetouchError": "retouch.errors",
    "Stylizer": "retouch.tasks.stylize",
    "Translator": "retouch.tasks.translate",
    "blend": "retouch.tasks.blend",
    "draw": "retouch.tasks.invert",
    "evaluate": "retouch.tasks.translate.recipe.evaluating",
    "evaluate_inpainting": "retouch.tasks.inpaint.recipe.evaluating",
    "evaluate_restoration": "retouch.tasks.restore.recipe.evaluating",
    "fill": "retouch.tasks.blend",
    "flatten": "retouch.tasks.blend",
    "inpaint": "retouch.tasks.inpaint",
    "invert": "retouch.tasks.invert",
    "morph": "retouch.tasks.invert",
    "recolor": "retouch.tasks.blend",
    "reconstruct": "retouch.tasks.stylize",
    "relight": "retouch.tasks.blend",
    "repaint": "retouch.tasks.stylize",
    "restore": "retouch.tasks.restore",
    "sample": "retouch.tasks.invert",
    "solve_poisson": "retouch.tasks.blend",
    "stylize": "retouch.tasks.stylize",
    "texture": "retouch.tasks.stylize",
    "tile": "retouch.tasks.blend",
    "translate": "retouch.tasks.translate",
    "upscale": "retouch.tasks.restore",
    "vary": "retouch.tasks.invert",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - a list of strings; one table names every public thing


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'retouch' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
