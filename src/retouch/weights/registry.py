"""The published weights that retouch can fetch by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """One file that somebody has published.

    Args:
        name: what ``retouch weights fetch`` calls it.
        task: the slice it is for.
        urls: where it is, the first choice first.
        licence: the terms under which it may be used, shown before it is fetched.
        paper: where the method is from.
        sha256: its checksum, or None while nobody has vouched for one: then the checksum of the
            first download is written down beside the file, and later downloads must have it.
        size: in bytes, or None when unknown.
    """

    name: str
    task: str
    urls: tuple[str, ...]
    licence: str
    paper: str
    sha256: str | None = None
    size: int | None = None


_HOST = "http://efrosgans.eecs.berkeley.edu"
_TERMS = (
    "the authors' project is under a BSD licence; the weights come without terms of their own, and "
    "were trained on data sets whose terms may exclude commercial use"
)
_CYCLEGAN = "Zhu, Park, Isola, Efros: Unpaired Image-to-Image Translation, ICCV 2017, arXiv:1703.10593"
_PIX2PIX = (
    "Isola, Zhu, Zhou, Efros: Image-to-Image Translation with Conditional GANs, CVPR 2017, arXiv:1611.07004"
)


def _translation(project: str, name: str, paper: str) -> Published:
    return Published(
        name=f"{project}-{name.replace('_', '-')}",
        task="translate",
        urls=(f"{_HOST}/{project}/pretrained_models/{name}.pth",),
        licence=_TERMS,
        paper=paper,
    )


PUBLISHED: tuple[Published, ...] = (
    *(
        _translation("cyclegan", name, _CYCLEGAN)
        for name in (
            "apple2orange",
            "orange2apple",
            "summer2winter_yosemite",
            "winter2summer_yosemite",
            "horse2zebra",
            "zebra2horse",
            "monet2photo",
            "style_monet",
            "style_cezanne",
            "style_ukiyoe",
            "style_vangogh",
            "sat2map",
            "map2sat",
            "cityscapes_photo2label",
            "cityscapes_label2photo",
            "facades_photo2label",
            "facades_label2photo",
            "iphone2dslr_flower",
        )
    ),
    *(
        _translation("pix2pix", name, _PIX2PIX)
        for name in ("edges2shoes", "sat2map", "map2sat", "facades_label2photo", "day2night")
    ),
)
"""Every file that can be fetched, in the order in which it is listed."""
