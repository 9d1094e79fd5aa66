"""Read every network file of the pix2pix and CycleGAN project and of CUT, and write theirs.

Source: https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix, April 2017 to August 2025, and
    https://github.com/taesungp/contrastive-unpaired-translation: key names, shapes and indices.
Departs:
    Running statistics at instance normalisations, which PyTorch 0.2 to 0.4 stored, are dropped.
    A sigmoid that discriminators ended in until January 2019 (``--no_lsgan``) is not applied:
        ours always give logits.
    The discriminators of 2017, which padded by 2 under Python 3 and by 1 under Python 2, get 1.
    CUT's ``patch`` discriminator is read as the two-layer one it contains, without cutting into patches.
    CUT's ``stylegan2`` and ``resnet_cat`` networks are not read.
    Upstream's ``padding_type="replicate"``, which no option of theirs ever chose, is taken for reflection.

What the verb does with such a file: their ``test.py`` leaves batch statistics and dropout on unless
it is called with ``--eval``. The card of a file with batch normalisation therefore says
``"inference": "batch"``, and that of one with dropout ``"dropout": true``, which the verb draws from a
fixed seed; when the options hold ``eval: True`` (a ``test_opt.txt``) it says ``"eval"`` and false.
The network itself, in eval mode, computes what theirs does in eval mode.
"""

from __future__ import annotations

from retouch.tasks.translate.upstream.layouts import LAYOUTS
from retouch.tasks.translate.upstream.parts import ARCHITECTURES

__all__ = ["ARCHITECTURES", "LAYOUTS"]
