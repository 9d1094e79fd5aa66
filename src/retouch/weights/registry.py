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


_ESRGAN = "Wang et al.: ESRGAN, ECCV workshops 2018, arXiv:1809.00219"
_REAL_ESRGAN = "Wang, Xie, Dong, Shan: Real-ESRGAN, ICCV workshops 2021, arXiv:2107.10833"
_DNCNN = "Zhang et al.: Beyond a Gaussian Denoiser, IEEE TIP 2017, arXiv:1608.03981"
_IMDN = (
    "Hui, Gao, Yang, Wang: Lightweight Image Super-Resolution with Information Multi-distillation Network, "
    "ACM MM 2019, arXiv:1909.11856"
)
_TRAINED_ON = "trained on data sets whose terms may exclude commercial use"


def _real_esrgan(name: str, release: str, paper: str = _REAL_ESRGAN, file: str = "") -> Published:
    return Published(
        name=name,
        task="restore",
        urls=(f"https://github.com/xinntao/Real-ESRGAN/releases/download/{release}/{file or name}.pth",),
        licence=f"the authors' project is under BSD-3-Clause; the weights were {_TRAINED_ON}",
        paper=paper,
    )


def _kair(name: str, paper: str) -> Published:
    return Published(
        name=name,
        task="restore",
        urls=(f"https://github.com/cszn/KAIR/releases/download/v1.0/{name}.pth",),
        licence=f"the authors' project is under MIT; the weights were {_TRAINED_ON}",
        paper=paper,
    )


def _imdn(scale: int) -> Published:
    return Published(
        name=f"IMDN_x{scale}",
        task="restore",
        urls=(f"https://raw.githubusercontent.com/Zheng222/IMDN/master/checkpoints/IMDN_x{scale}.pth",),
        licence="published without terms; trained on DIV2K, whose terms allow academic research only",
        paper=_IMDN,
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
    _real_esrgan("RealESRGAN_x4plus", "v0.1.0"),
    _real_esrgan("RealESRGAN_x2plus", "v0.2.1"),
    _real_esrgan("RealESRNet_x4plus", "v0.1.1"),
    _real_esrgan("RealESRGAN_x4plus_anime_6B", "v0.2.2.4"),
    _real_esrgan("realesr-general-x4v3", "v0.2.5.0"),
    _real_esrgan("realesr-general-wdn-x4v3", "v0.2.5.0"),
    _real_esrgan("realesr-animevideov3", "v0.2.5.0"),
    _real_esrgan("ESRGAN_x4", "v0.1.1", _ESRGAN, "ESRGAN_SRx4_DF2KOST_official-ff704c30"),
    *(
        _kair(name, _DNCNN)
        for name in ("dncnn_15", "dncnn_25", "dncnn_50", "dncnn_gray_blind", "dncnn_color_blind", "dncnn3")
    ),
    _kair("msrresnet_x4_psnr", _ESRGAN),
    _kair("msrresnet_x4_gan", _ESRGAN),
    *(_imdn(scale) for scale in (2, 3, 4)),
)
"""Every file that can be fetched, in the order in which it is listed."""
