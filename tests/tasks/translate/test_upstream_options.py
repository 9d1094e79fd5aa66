"""What the options file beside old weights tells, and what it ends up as on the card."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch import weights
from retouch.tasks.translate.upstream import LAYOUTS
from retouch.tasks.translate.upstream.options import modern
from retouch.weights.card import Card
from retouch.weights.sidecar import options_beside, parse
from tests.tasks.translate import originals


def printed(key: str, value: str, default: str | None = None) -> str:
    # As the project prints its options: the key to the right, the value padded, then the default.
    comment = "" if default is None else f"\t[default: {default}]"
    return f"{key:>25}: {value:<30}{comment}"


TODAY = "\n".join(
    [
        "----------------- Options ---------------",
        printed("batch_size", "1"),
        printed("crop_size", "256"),
        printed("checkpoints_dir", "./checkpoints"),
        printed("dataroot", "./datasets/facades", "None"),
        printed("direction", "BtoA", "AtoB"),
        printed("model", "pix2pix", "cycle_gan"),
        printed("name", "facades_pix2pix", "experiment_name"),
        printed("netG", "unet_256"),
        printed("no_dropout", "False"),
        printed("norm", "batch"),
        printed("preprocess", "resize_and_crop"),
        printed("suffix", ""),
        "----------------- End -------------------",
    ]
)

IN_2017 = """------------ Options -------------
batchSize: 1
fineSize: 128
loadSize: 143
model: cycle_gan
name: horse2zebra
no_dropout: True
norm: instance
resize_or_crop: scale_width
which_direction: AtoB
which_model_netG: resnet_9blocks
-------------- End ----------------
"""


def test_todays_file() -> None:
    found = parse(TODAY)
    assert found["dataroot"] == "./datasets/facades"
    assert found["direction"] == "BtoA"
    assert found["batch_size"] == "1"
    assert found["suffix"] == ""
    assert "Options" not in found
    assert len(found) == 12


def test_names_of_2017_become_todays() -> None:
    found = modern(parse(IN_2017))
    assert found["netG"] == "resnet_9blocks"
    assert found["direction"] == "AtoB"
    assert found["load_size"] == "143"
    assert found["crop_size"] == "128"
    assert found["preprocess"] == "scale_width"
    assert found["batch_size"] == "1"
    assert not {"which_model_netG", "which_direction", "loadSize", "fineSize"} & set(found)


def test_a_name_of_today_wins() -> None:
    assert modern(parse("crop_size: 256\nfineSize: 128"))["crop_size"] == "256"
    assert modern(parse("fineSize: 128\ncrop_size: 256"))["crop_size"] == "256"


def test_the_training_run_wins_over_the_test(tmp_path: Path) -> None:
    file = tmp_path / "latest_net_G.pth"
    assert options_beside(file) == {}
    (tmp_path / "test_opt.txt").write_text("model: test\neval: True")
    assert options_beside(file) == {"model": "test", "eval": "True"}
    (tmp_path / "train_opt.txt").write_text(TODAY)
    assert options_beside(file) == parse(TODAY) | {"eval": "True"}


def test_a_test_run_with_eval_is_remembered_through_load(tmp_path: Path) -> None:
    file = weights.save_torch(tmp_path / "latest_net_G.pth", originals.unet(width=2, depth=5))
    assert weights.load(file).card.settings["inference"] == "batch"
    (tmp_path / "test_opt.txt").write_text("eval: True")
    assert weights.load(file).card.settings["inference"] == "eval"


def test_the_file_of_2017(tmp_path: Path) -> None:
    (tmp_path / "opt.txt").write_text(IN_2017)
    assert options_beside(tmp_path / "latest_net_G_A.pth") == parse(IN_2017)


def test_neither_a_folder_nor_garbage_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "train_opt.txt").mkdir()
    (tmp_path / "opt.txt").write_bytes(b"\xff\xfe\x00: \x80\n" * 100)
    assert isinstance(options_beside(tmp_path / "net.pth"), dict)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert all("\n" not in value for value in parse(text).values())


def card_of(options: dict[str, str], **changes: object) -> Card:
    state = originals.unet(width=1, **changes).state_dict()  # type: ignore[arg-type]
    card = next(layout for layout in LAYOUTS if layout.name.endswith("U-Net")).recognise(state, options)
    assert card is not None
    return card


def test_pix2pix_is_applied_as_upstream_tests_it() -> None:
    card = card_of({**parse(TODAY), "file_name": "latest_net_G.pth"})
    assert card.name == "facades_pix2pix/latest_net_G"
    assert card.sizes["dropout"] == 0.5
    assert card.settings == {
        "inference": "batch",
        "dropout": True,
        "colour": "rgb",
        "direction": "BtoA",
        "model": "pix2pix",
        "preprocess": "resize_and_crop",
        "trained_size": 256,
    }


def test_raw_names_of_2017_are_understood() -> None:
    card = card_of({"which_direction": "BtoA", "fineSize": "128", "no_dropout": "True"})
    assert card.settings["direction"] == "BtoA"
    assert card.settings["trained_size"] == 128
    assert card.settings["dropout"] is False


@pytest.mark.parametrize(
    ("options", "norm", "wanted"),
    [
        ({}, "batch", 0.5),
        ({}, "instance", 0.0),
        ({"no_dropout": "False"}, "instance", 0.5),
        ({"no_dropout": "True"}, "batch", 0.0),
    ],
)
def test_the_dropout_of_a_unet(options: dict[str, str], norm: str, wanted: float) -> None:
    card = card_of(options, norm=norm)
    assert card.sizes["dropout"] == wanted
    assert card.settings["dropout"] is bool(wanted)
    assert card.settings["inference"] == ("batch" if norm == "batch" else "eval")


def test_tested_with_eval() -> None:
    settings = card_of({"eval": "True"}).settings
    assert (settings["inference"], settings["dropout"]) == ("eval", False)


def test_colourisation_is_seen_from_the_channels() -> None:
    assert card_of({}, inner=1, outer=2).settings["colour"] == "lab"
    assert card_of({}, inner=2, outer=1).settings["colour"] == "rgb"


@given(
    st.dictionaries(
        st.sampled_from(["name", "direction", "model", "crop_size", "preprocess", "file_name"]), st.text()
    )
)
def test_hostile_options_leave_a_sound_card(options: dict[str, str]) -> None:
    card = card_of(options)
    assert Card.from_json(card.to_json()) == card
