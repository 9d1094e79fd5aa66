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
_ON_IMAGENET = "trained on ImageNet, whose terms allow non-commercial research only"
_TORCHVISION = (
    "torchvision's code is under BSD-3-Clause; the weights come without terms of their own, and were "
    f"{_ON_IMAGENET}"
)


_ESRGAN = "Wang et al.: ESRGAN, ECCV workshops 2018, arXiv:1809.00219"
_REAL_ESRGAN = "Wang, Xie, Dong, Shan: Real-ESRGAN, ICCV workshops 2021, arXiv:2107.10833"
_DNCNN = "Zhang et al.: Beyond a Gaussian Denoiser, IEEE TIP 2017, arXiv:1608.03981"
_IMDN = (
    "Hui, Gao, Yang, Wang: Lightweight Image Super-Resolution with Information Multi-distillation Network, "
    "ACM MM 2019, arXiv:1909.11856"
)
_VGG = (
    "Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015, "
    "arXiv:1409.1556"
)
_ADAIN = (
    "Huang, Belongie: Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization, ICCV 2017, "
    "arXiv:1703.06868"
)
_OXFORDS = f"the weights of VGG in Oxford, which are under CC BY 4.0 and were {_ON_IMAGENET}"
_DISTILLED_AT = "75c1b81c1dbea11c96d3fb04e96f207dee16dcbb"
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


def _distilled(stage: int, kind: str, sha256: str, size: int) -> Published:
    folder, task = ("_sd", "stylize") if kind == "decoder" else ("", "features")
    return Published(
        name=f"distilled-{kind}-{stage}",
        task=task,
        urls=(
            "https://raw.githubusercontent.com/MingSun-Tse/Collaborative-Distillation/"
            f"{_DISTILLED_AT}/trained_models/wct_se_16x_new{folder}/{stage}S{kind[0].upper()}.pth",
        ),
        licence=f"MIT; learnt from a network that was {_ON_IMAGENET}",
        paper="Wang et al.: Collaborative Distillation for Ultra-Resolution Universal Style Transfer, "
        "CVPR 2020, arXiv:2003.08436",
        sha256=sha256,
        size=size,
    )


def _caffe(depth: int, checksum: str) -> Published:
    return Published(
        name=f"vgg{depth}-caffe",
        task="features",
        urls=(
            f"https://web.eecs.umich.edu/~justincj/models/vgg{depth}-{checksum}.pth",
            f"https://s3-us-west-2.amazonaws.com/jcjohns-models/vgg{depth}-{checksum}.pth",
        ),
        licence=f"converted from {_OXFORDS}",
        paper=_VGG,
    )


def _fast_style(name: str) -> Published:
    return Published(
        name=f"fast-style-{name.replace('_', '-')}",
        task="stylize",
        # The project itself offers all four in one archive, which is no weights file.
        urls=(
            "https://raw.githubusercontent.com/imageupsc/imageupscaling/"
            f"30648a456c64ef42aaec1d8d56f2f7d5b752fb40/saved_models/{name}.pth",
        ),
        licence="somebody's copy of a file of pytorch/examples, whose code is under BSD-3-Clause; trained on "
        "COCO, whose photos have terms of their own",
        paper="Johnson, Alahi, Fei-Fei: Perceptual Losses for Real-Time Style Transfer and Super-Resolution, "
        "ECCV 2016, arXiv:1603.08155",
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
        paper=_VGG,
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        size=574_673_361,
    ),
    Published(
        name="vgg19",
        task="features",
        urls=("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",),
        licence=_TORCHVISION,
        paper=_VGG,
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        size=574_673_361,
    ),
    Published(
        name="vgg16",
        task="features",
        urls=("https://download.pytorch.org/models/vgg16-397923af.pth",),
        licence=_TORCHVISION,
        paper=_VGG,
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        size=553_433_881,
    ),
    _caffe(19, "d01eb7cb"),
    _caffe(16, "00b39a1b"),
    Published(
        name="vgg19-gatys",
        task="features",
        urls=("https://bethgelab.org/media/uploads/pytorch_models/vgg_conv.pth",),
        licence=f"published without terms; made from {_OXFORDS}",
        paper="Gatys, Ecker, Bethge: Image Style Transfer Using Convolutional Neural Networks, CVPR 2016",
    ),
    Published(
        name="vgg19-normalised",
        task="features",
        urls=("https://github.com/naoto0804/pytorch-AdaIN/releases/download/v0.0.0/vgg_normalised.pth",),
        licence=f"the port is under MIT; made from {_OXFORDS}",
        paper=_ADAIN,
        sha256="804ca2835ecf7539f0cd2a7ac3c18ce81e6f8468969ae7117ac0c148d286bb4a",
        size=80_102_481,
    ),
    _distilled(1, "encoder", "f74755a65164a88e0db8cbb7d99d7078b9fa505df0953fac5123bfc7c84e0ea4", 10_271),
    _distilled(2, "encoder", "cb654af6bae77176f8c7721c965483e865b987f2f1612dda1ba0d0b5c3819a61", 52_833),
    _distilled(3, "encoder", "269cdd0e2634e3e1e5d3005b9e7eca0f4cc8077653fee1ac8c0cf1cbe9ab8758", 231_124),
    _distilled(4, "encoder", "d2f059cbcd6669556a43aadef58d20c8b280462c18b60a9e7424a14dd271cd6b", 1_235_183),
    _distilled(5, "encoder", "9417c34d0d8d621bc6af78be745f1b8d30f5f210efa01e50655c60eb3770816b", 3_862_288),
    Published(
        name="adain-decoder",
        task="stylize",
        urls=("https://github.com/naoto0804/pytorch-AdaIN/releases/download/v0.0.0/decoder.pth",),
        licence="the port is under MIT; trained on COCO and WikiArt, whose pictures have terms of their own",
        paper=_ADAIN,
        sha256="379ca41d59f3a37eed3599bbbc2560c19da5c458870a5ffd3a9dd41aa88f9472",
    ),
    _distilled(1, "decoder", "05f26ad40044c019da0cf731372d5bd2ee4b477825c7f45508da70b1cd5a95fd", 3_220),
    _distilled(2, "decoder", "94dd26f0e69857f79bf284a43a3708aa05c09c2593427c7f6e400ad12ce314e6", 30_672),
    _distilled(3, "decoder", "005faba27859435762a8a9386116c00629cd8835a01617d0a71defa577c42174", 142_014),
    _distilled(4, "decoder", "902f65e2c6033d803d02df552eb898e5985190a7ae67d155e384826eec6f04cb", 881_308),
    _distilled(5, "decoder", "17fd0f81622f01366eb21cb4d40140ee38cf988ed6eaf266629709c397a8b485", 3_243_622),
    *(_fast_style(name) for name in ("candy", "mosaic", "rain_princess", "udnie")),
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
