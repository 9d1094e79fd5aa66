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
_LAMA = (
    "Suvorov et al.: Resolution-robust Large Mask Inpainting with Fourier Convolutions, WACV 2022, "
    "arXiv:2109.07161"
)
_TORCHVISION = (
    "torchvision's code is under BSD-3-Clause; the weights come without terms of their own, and were trained "
    "on ImageNet, whose terms allow non-commercial research only"
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
    Published(
        name="big-lama",
        task="inpaint",
        urls=(
            "https://github.com/Sanster/models/releases/download/add_big_lama/big-lama.pt",
            "https://github.com/enesmsahin/simple-lama-inpainting/releases/download/v0.1.0/big-lama.pt",
            "https://huggingface.co/gaspardbruno/BigLama/resolve/main/big-lama.pt",
        ),
        licence="the authors' code is under Apache-2.0, and the weights are by their word in an issue alone; "
        "they were trained on Places, whose terms allow non-commercial research only",
        paper=_LAMA,
        sha256="344c77bbcb158f17dd143070d1e789f38a66c04202311ae3a258ef66667a9ea9",
        size=205_669_692,
    ),
    Published(
        name="anime-manga-big-lama",
        task="inpaint",
        urls=(
            "https://github.com/Sanster/models/releases/download/AnimeMangaInpainting/"
            "anime-manga-big-lama.pt",
        ),
        licence="published without terms of its own; trained from Big LaMa, of which the code is under "
        "Apache-2.0, on drawings whose terms are not known",
        paper=_LAMA,
        sha256="479d3afdcb7ed2fd944ed4ebcc39ca45b33491f0f2e43eb1000bd623cfb41823",
        size=205_717_870,
    ),
    Published(
        name="perceptual-ade20k",
        task="inpaint",
        urls=(
            "http://sceneparsing.csail.mit.edu/model/pytorch/ade20k-resnet50dilated-ppm_deepsup/"
            "encoder_epoch_20.pth",
        ),
        licence="the authors' code is under BSD-3-Clause; the weights come without terms of their own, and "
        "were trained on ADE20K, whose terms allow non-commercial research only",
        paper="Zhou et al.: Semantic Understanding of Scenes through the ADE20K Dataset, IJCV 2019, "
        "arXiv:1608.05442",
    ),
    Published(
        name="perceptual-imagenet",
        task="inpaint",
        urls=("https://download.pytorch.org/models/resnet50-0676ba61.pth",),
        licence=_TORCHVISION,
        paper="He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016, "
        "arXiv:1512.03385",
        sha256="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
        size=102_530_333,
    ),
    Published(
        name="perceptual-vgg",
        task="inpaint",
        urls=("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",),
        licence=_TORCHVISION,
        paper="Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, "
        "ICLR 2015, arXiv:1409.1556",
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        size=574_673_361,
    ),
)
"""Every file that can be fetched, in the order in which it is listed."""
