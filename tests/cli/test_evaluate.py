from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import retouch
from retouch import data, metrics
from retouch.errors import Cancelled
from retouch.metrics import FACADES
from retouch.progress import Progress
from retouch.tasks.inpaint.network.generator import FFCGenerator
from retouch.tasks.inpaint.recipe.comparison import Comparison
from retouch.tasks.inpaint.recipe.evaluating import evaluate_inpainting
from retouch.tasks.translate import Translator
from retouch.tasks.translate.method.lines import drawn
from retouch.weights import Card, save, save_torch
from tests.cli.conftest import Said
from tests.data.made import fill, halves
from tests.tasks.translate import originals
from tests.tasks.translate.toys import card, network, saved

Say = Callable[..., Said]

PAIRS = "synthetic:facades?count=4&size=32"
"""One picture validates; its A is a label map."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A U-Net that makes something of any photo."""
    return saved(tmp_path, "unet", settings={"trained_size": 32, "direction": "BtoA"})


@pytest.fixture
def judge(tmp_path: Path) -> Path:
    """A segmenter that has learned nothing."""
    torch.manual_seed(0)
    card = Card(
        "judge",
        "evaluate",
        "segmenter",
        sizes={"classes": 12, "width": 2},
        value_range=(0.0, 1.0),
        settings={"palette": "facades", "trained_size": 32, "direction": "BtoA"},
    )
    made = metrics.Segmenter(12, width=2)
    torch.nn.init.normal_(made.score8.weight)
    return save(tmp_path / "judge.safetensors", made, card)


def rows(said: Said) -> dict[str, dict[str, float]]:
    assert said.code == 0, said.err
    return {row["metric"]: row for row in said.facts["rows"]}


def test_pairs_are_measured_as_the_verb_translates_them(say: Say, model: Path) -> None:
    found = rows(say("evaluate", model, "--data", PAIRS, "--split", "train", "--json"))
    examples = data.pairs(PAIRS, "train", augment=False, size=32, direction="BtoA")
    expected = []
    for index in range(len(examples)):
        example = examples.example(index, 0)
        made = torch.from_numpy(
            Translator.load(model)(example["input"]).numpy("uint8").astype(np.float32) / 255
        )
        expected.append(float((made.permute(2, 0, 1) - example["target"]).abs().mean()))
    assert list(found) == ["psnr", "ssim", "l1", "swd"]
    assert found["l1"]["value"] == pytest.approx(sum(expected) / 4, abs=1e-6)
    assert found["l1"]["n"] == 4
    assert found["l1"]["low"] <= found["l1"]["value"] <= found["l1"]["high"]
    assert "32×32 px, BtoA, train" in str(found["l1"]["protocol"])
    assert "normalised by reference" in str(found["swd"]["protocol"])


def test_the_table_is_for_a_person_and_the_files_for_programs(say: Say, model: Path, tmp_path: Path) -> None:
    table, every, each = tmp_path / "t.tsv", tmp_path / "t.json", tmp_path / "each.tsv"
    words = ("evaluate", model, "--data", PAIRS, "--split", "train", "--metrics", "l1,psnr", "--limit", 2)
    said = say(*words, "--out", table, "--per-picture", each)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[0] == f"{model} on {PAIRS}, train: 2 pictures"
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == ["metric", "l1", "psnr"]
    assert [line.split("\t")[0] for line in table.read_text().splitlines()] == ["metric", "l1", "psnr"]
    assert each.read_text().splitlines()[0] == "name\tl1\tpsnr"
    assert len(each.read_text().splitlines()) == 3
    assert say(*words, "--out", every).code == 0
    assert len(json.loads(every.read_text())["pictures"]) == 2
    again = say(*words, "--out", table)
    assert again.code == 2
    assert "add --overwrite" in again.err
    assert say(*words, "--out", table, "--overwrite").code == 0
    assert not list(tmp_path.glob("*.part"))
    assert ".tsv or .json" in say(*words, "--out", tmp_path / "t.csv").err
    assert "folder that is there" in say(*words, "--out", tmp_path / "none" / "t.tsv").err


def test_direction_and_size_come_from_the_card_unless_given(say: Say, model: Path) -> None:
    def l1(*more: object) -> float:
        return rows(say("evaluate", model, "--data", PAIRS, "--metrics", "l1", "--json", *more))["l1"][
            "value"
        ]

    assert l1() == l1("--direction", "BtoA", "--size", 32) != l1("--direction", "AtoB")
    assert l1() == l1("--size", 0), "the pictures have 32 pixels"
    assert l1() != l1("--size", 16)


def test_sets_that_do_not_match_get_swd_alone(say: Say, model: Path, tmp_path: Path) -> None:
    seasons = "synthetic:seasons?count=4&size=32"
    said = say("evaluate", model, "--data", seasons, "--split", "train", "--json")
    one = rows(said)
    assert list(one) == ["swd"]
    assert said.facts["pictures"] == 4
    other = rows(
        say("evaluate", model, "--data", seasons, "--split", "train", "--direction", "AtoB", "--json")
    )
    assert one["swd"]["value"] != other["swd"]["value"]
    assert "two sets that do not match" in say("evaluate", model, "--data", seasons, "--metrics", "psnr").err
    forced = rows(say("evaluate", model, "--data", PAIRS, "--layout", "unpaired", "--json"))
    assert list(forced) == ["swd"]
    fill(tmp_path / "set" / "valA", 3, height=32, width=32)
    fill(tmp_path / "set" / "valB", 5, first=2, height=32, width=32)
    for number in (1, 2):
        (tmp_path / "set" / "valA" / f"{number:03}.png").rename(tmp_path / "set" / "valA" / f"x{number}.png")
    said = say("evaluate", model, "--data", tmp_path / "set", "--json")
    assert list(rows(said)) == ["swd"], "one name that both sets have makes no pairs"
    assert said.facts["pictures"] == 5, "every picture of B, once"
    said = say("evaluate", model, "--data", tmp_path / "set", "--direction", "AtoB", "--json")
    assert said.facts["pictures"] == 3
    sides = data.unpaired(tmp_path / "set", "val", augment=False, size=32)
    made = [Translator.load(model)(sides.example(index, 0)["a"]).tensor() for index in range(3)]
    expected = metrics.sliced_wasserstein(
        torch.round(torch.cat(made).clamp(0, 1) * 255) / 255,
        torch.stack([sides.example(index, 0)["b"] for index in range(5)]),
        normalise="reference",
    )
    assert rows(said)["swd"]["value"] == pytest.approx(expected, rel=1e-5)


def test_a_sketch_model_gets_lines(say: Say, tmp_path: Path) -> None:
    fill(tmp_path / "photos" / "val", 2, height=32, width=32)
    sizes = {"input_channels": 1, "output_channels": 3}
    described = card("unet", settings={"trained_size": 32}, recipe="sketch", sizes=sizes)
    path = save(tmp_path / "sketch.safetensors", network("unet", **sizes), described)
    found = rows(say("evaluate", path, "--data", tmp_path / "photos", "--metrics", "l1", "--json"))
    examples = data.singles(tmp_path / "photos", "val", augment=False, size=32)
    expected = []
    for index in range(2):
        picture = examples.example(index, 0)["image"]
        made = Translator.load(path)(drawn(picture[None]).expand(-1, 3, -1, -1)).tensor()[0]
        expected.append(float(((made.clamp(0, 1) * 255).round() / 255 - picture).abs().mean()))
    assert found["l1"]["value"] == pytest.approx(sum(expected) / 2, abs=1e-6)


def test_a_colourising_model_gets_single_pictures(say: Say, tmp_path: Path) -> None:
    fill(tmp_path / "photos" / "val", 2, height=32, width=32)
    sizes = {"input_channels": 1, "output_channels": 2}
    path = saved(tmp_path, "unet", settings={"trained_size": 32, "colour": "lab"}, **sizes)
    found = rows(say("evaluate", path, "--data", tmp_path / "photos", "--json"))
    assert list(found) == ["psnr", "ssim", "l1", "swd"]
    examples = data.singles(tmp_path / "photos", "val", augment=False, size=32)
    expected = []
    for index in range(2):
        picture = examples.example(index, 0)["image"]
        made = Translator.load(path)(picture).tensor()[0].clamp(0, 1)
        expected.append(float(((made * 255).round() / 255 - picture).abs().mean()))
    assert found["l1"]["value"] == pytest.approx(sum(expected) / 2, abs=1e-6)


def test_upstream_s_file_needs_no_flag(say: Say, tmp_path: Path) -> None:
    theirs = originals.randomised(originals.unet(width=4, depth=5))
    path = save_torch(tmp_path / "latest_net_G.pth", theirs.state_dict())
    found = rows(say("evaluate", path, "--data", PAIRS, "--metrics", "psnr", "--json"))
    assert "256×256 px, AtoB" in str(found["psnr"]["protocol"])


def test_the_fcn_score_reads_made_pictures(say: Say, tmp_path: Path, judge: Path) -> None:
    path = saved(tmp_path, "unet", settings={"trained_size": 32})
    found = rows(say("evaluate", path, "--data", PAIRS, "--segmenter", judge, "--size", 16, "--json"))
    assert list(found)[-3:] == ["fcn_per_pixel", "fcn_per_class", "fcn_class_iou"]
    maps = data.pairs(PAIRS, "val", augment=False, size=16, nearest="input").example(0, 0)["input"]
    shown = data.pairs(PAIRS, "val", augment=False, size=16).example(0, 0)["input"]
    labels = metrics.labels_from_colours(maps[None], FACADES)
    made = torch.round(Translator.load(path)(shown).tensor().clamp(0, 1) * 255) / 255
    expected = metrics.fcn_score(retouch_network(judge), made, labels)
    assert found["fcn_per_pixel"]["value"] == pytest.approx(expected.per_pixel)
    assert "read by judge" in str(found["fcn_per_pixel"]["protocol"])
    words = ("evaluate", path, "--data", PAIRS, "--metrics", "fcn")
    assert "retouch train segmentation" in say(*words).err
    assert "cannot read label maps" in say(*words, "--segmenter", path).err
    assert (
        "12 classes and the palette camvid has 11"
        in say(*words, "--segmenter", judge, "--palette", "camvid").err
    )


def retouch_network(path: Path) -> torch.nn.Module:
    from retouch import weights

    return weights.load(path).network


def test_the_judge_itself_is_measured_on_real_photos(say: Say, judge: Path) -> None:
    found = rows(say("evaluate", judge, "--data", PAIRS, "--size", 16, "--json"))
    maps = data.pairs(PAIRS, "val", augment=False, size=16, direction="BtoA", nearest="target").example(0, 0)
    labels = metrics.labels_from_colours(maps["target"][None], FACADES)
    expected = metrics.fcn_score(retouch_network(judge), maps["input"][None], labels)
    assert {name: row["value"] for name, row in found.items()} == pytest.approx(
        {
            "fcn_per_pixel": expected.per_pixel,
            "fcn_per_class": expected.per_class,
            "fcn_class_iou": expected.class_iou,
        }
    )
    assert "makes none" in say("evaluate", judge, "--data", PAIRS, "--metrics", "psnr").err


@pytest.mark.parametrize(
    ("metric", "file"), [("lpips", "alexnet"), ("fid", "inception"), ("kid", "inception")]
)
def test_a_published_network_that_is_not_here_is_named(
    say: Say, model: Path, tmp_path: Path, metric: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETOUCH_HOME", str(tmp_path / "home"))
    said = say("evaluate", model, "--data", PAIRS, "--metrics", metric)
    assert said.code == 2
    assert file in said.err
    assert f"put it at {tmp_path / 'home' / 'weights'}" in said.err
    there = say("evaluate", model, "--data", PAIRS, "--metrics", metric, "--published", tmp_path)
    assert f"put it at {tmp_path}/" in there.err
    assert "home" not in there.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--metrics", "pnsr"), "did you mean psnr"),
        (("--size", "-1"), "size is -1"),
        (("--limit", "-3"), "limit is -3"),
        (("--split", "test", "--layout", "singles"), "give layout auto, pairs or unpaired"),
    ],
)
def test_a_mistake_is_one_line(say: Say, model: Path, words: tuple[str, ...], complaint: str) -> None:
    said = say("evaluate", model, "--data", PAIRS, *words)
    assert said.code == 2
    assert complaint in said.err


def test_bad_data_and_models_are_named(say: Say, model: Path, tmp_path: Path) -> None:
    halves(tmp_path / "pairs" / "train", 12)
    assert "only train, val" in say("evaluate", model, "--data", tmp_path / "pairs", "--split", "test").err
    assert "does not exist" in say("evaluate", model, "--data", tmp_path / "none").err
    assert "is not there" in say("evaluate", tmp_path / "none.pth", "--data", PAIRS).err


def test_the_library_reports_progress_and_can_be_stopped(model: Path, judge: Path) -> None:
    told: list[Progress] = []
    report = retouch.evaluate(model, PAIRS, split="train", metrics=["l1"], progress=told.append)
    assert [(event.done, event.total) for event in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert len(report.per_picture["l1"]) == 4
    told.clear()
    retouch.evaluate(judge, PAIRS, split="train", progress=told.append)
    assert [(event.done, event.total) for event in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]

    def stop(_: Progress) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        retouch.evaluate(model, PAIRS, progress=stop)


def test_only_what_is_asked_for_is_in_the_table(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Features(torch.nn.Module):
        protocol = "means"

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean(dim=(2, 3))

    monkeypatch.setattr(metrics.InceptionV3, "from_file", lambda path: Features())
    both = retouch.evaluate(model, PAIRS, split="train", metrics=["kid", "fid", "l1"])
    assert [row.metric for row in both.rows] == ["fid", "kid", "l1"]
    assert [row.metric for row in retouch.evaluate(model, PAIRS, split="train", metrics=["kid"]).rows] == [
        "kid"
    ]


INPAINT = Card("filler", "inpaint", "lama", {"width": 4, "blocks": 1}, value_range=(0.0, 1.0), multiple=8)


@pytest.fixture
def filler(tmp_path: Path) -> Path:
    """A network that fills holes badly."""
    torch.manual_seed(0)
    return save(tmp_path / "filler.safetensors", FFCGenerator(width=4, blocks=1), INPAINT)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures that validate."""
    fill(tmp_path / "photos" / "val", 3, height=32, width=32)
    return tmp_path / "photos"


def test_filled_holes_are_measured_side_by_side(say: Say, filler: Path, photos: Path, tmp_path: Path) -> None:
    words: tuple[object, ...] = ("evaluate", "inpaint", filler, "--data", photos, "--size", 32)
    words += ("--holes", "square,box(count=1)", "--baselines", "telea,membrane")
    said = say(*words, "--json")
    assert (said.code, said.err) == (0, "")
    totals = [row for row in said.facts["figures"] if row["area"] == "total"]
    assert {row["holes"] for row in totals} == {"square", "box(count=1)"}
    assert {row["method"] for row in totals} == {"filler", "telea", "membrane"}
    assert {row["n"] for row in totals} == {3}
    expected = retouch_comparison(filler, photos)
    found = {(row["method"], row["metric"]): row["value"] for row in totals if row["holes"] == "square"}
    assert found["filler", "hole_l1"] == expected.figure("filler", "square", "hole_l1").value
    shown = say(*words)
    assert shown.out.startswith("square holes\nmethod")
    assert "hole_psnr ↑" in shown.out
    assert "square, total: no hole_swd: 3 pictures, and at least 8 are needed" in shown.out


def retouch_comparison(filler: Path, photos: Path) -> Comparison:
    return evaluate_inpainting([filler], photos, size=32, holes=["square"], baselines=["telea", "membrane"])


def test_tables_and_the_worst_are_written_into_a_folder(
    say: Say, filler: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words: tuple[object, ...] = ("evaluate", "inpaint", filler, "--data", photos, "--size", 32)
    words += ("--holes", "square", "--baselines", "", "--out", out, "--worst", 2)
    said = say(*words)
    assert (said.code, said.err) == (0, "")
    written = {path.name for path in out.iterdir()}
    assert written == {
        *("figures.tsv", "table.tsv", "table.md", "figures.json", "pictures.tsv"),
        *("gallery.html", "gallery", "worst-0-square.png"),
    }
    assert "worst-0-square.png" in said.out.splitlines()[-1]
    assert len(list((out / "gallery").iterdir())) == 2 * 3
    assert json.loads((out / "figures.json").read_text())["pictures"][0]["method"] == "filler"
    again = say(*words)
    assert again.code == 2
    assert "add --overwrite" in again.err
    assert say(*words, "--overwrite").code == 0
    assert "is a file" in say(*words[:-3], filler).err
    assert "in one that is there" in say(*words[:-3], tmp_path / "a" / "b").err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--holes", "square,thik"), "did you mean thick"),
        (("--holes", "square("), "parenthesis without its partner"),
        (("--baselines", "tela"), "did you mean telea"),
        (("--metrics", "pnsr"), "did you mean psnr"),
        (("--worst", "-1"), "worst is -1"),
        (("--largest", "2"), "largest is 2"),
        (("--apply", "raw"), "apply"),
    ],
)
def test_a_mistake_about_holes_is_one_line(
    say: Say, photos: Path, words: tuple[str, ...], complaint: str
) -> None:
    said = say("evaluate", "inpaint", "--data", photos, *words)
    assert said.code == 2
    assert complaint in said.err
    assert said.err.count("\n") == 1


def test_the_two_kinds_of_weights_point_to_each_other_s_command(
    say: Say, filler: Path, model: Path, photos: Path
) -> None:
    there = say("evaluate", filler, "--data", photos)
    assert there.code == 2
    assert f"retouch evaluate inpaint {filler} --data {photos}" in there.err
    here = say("evaluate", "inpaint", model, "--data", photos)
    assert here.code == 2
    assert f"retouch evaluate {model}" in here.err


def test_the_help_names_both(say: Say) -> None:
    assert "inpaint" in say("evaluate", "--help").out
    assert "--baselines" in say("evaluate", "inpaint", "--help").out
