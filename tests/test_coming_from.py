"""The tables of docs/coming-from: every flag of theirs is there once, and every flag of ours exists."""

from __future__ import annotations

import itertools
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import retouch
from tests.docs import parsing

HOUSE = Path(__file__).parents[1]
FOLDER = HOUSE / "docs" / "coming-from"
PAGES = sorted(FOLDER.glob("*.md"))
VERDICTS = ("differs: ", "no counterpart: ")

THEIRS: dict[str, dict[str, str]] = {
    "cyclegan-and-pix2pix": {
        "train.py": """
            --dataroot --name --checkpoints_dir --model --input_nc --output_nc --ngf --ndf --netD --netG
            --n_layers_D --norm --init_type --init_gain --no_dropout --dataset_mode --direction
            --serial_batches --num_threads --batch_size --load_size --crop_size --max_dataset_size
            --preprocess --no_flip --display_winsize --epoch --load_iter --verbose --suffix --use_wandb
            --wandb_project_name --display_freq --update_html_freq --print_freq --no_html
            --save_latest_freq --save_epoch_freq --save_by_iter --continue_train --epoch_count --phase
            --n_epochs --n_epochs_decay --beta1 --lr --gan_mode --pool_size --lr_policy --lr_decay_iters
            --lambda_L1 --lambda_A --lambda_B --lambda_identity
            --gpu_ids --display_ncols --display_id --display_server --display_env --display_port""",
        "test.py": """
            --dataroot --name --checkpoints_dir --model --input_nc --output_nc --ngf --ndf --netD --netG
            --n_layers_D --norm --init_type --init_gain --no_dropout --dataset_mode --direction
            --serial_batches --num_threads --batch_size --load_size --crop_size --max_dataset_size
            --preprocess --no_flip --display_winsize --epoch --load_iter --verbose --suffix --use_wandb
            --wandb_project_name --results_dir --aspect_ratio --phase --eval --num_test --model_suffix
            --gpu_ids""",
        "combine_A_and_B.py": "--fold_A --fold_B --fold_AB --num_imgs --use_AB --no_multiprocessing",
        "make_dataset_aligned.py": "--dataset-path",
        "prepare_cityscapes_dataset.py": "--gtFine_dir --leftImg8bit_dir --output_dir",
        "eval_cityscapes/evaluate.py": """
            --cityscapes_dir --result_dir --output_dir --caffemodel_dir --gpu_id --split
            --save_output_images""",
    },
    "lama": {
        "bin/predict.py": """
            indir outdir model.path model.checkpoint dataset.kind dataset.img_suffix
            dataset.pad_out_to_modulo device out_key out_ext refine refiner.gpu_ids refiner.modulo
            refiner.n_iters refiner.lr refiner.min_side refiner.max_scales refiner.px_budget""",
        "bin/train.py": """
            -cn run_title training_model.kind training_model.visualize_each_iters training_model.concat_mask
            training_model.store_discr_outputs_for_vis training_model.image_to_discriminator
            training_model.average_generator training_model.generator_avg_beta
            training_model.average_generator_start_step training_model.average_generator_period
            training_model.add_noise_kwargs training_model.noise_fill_hole
            training_model.const_area_crop_kwargs training_model.rescale_scheduler_kwargs
            training_model.distance_weighter_kwargs training_model.distance_weighted_mask_for_discr
            training_model.fake_fakes_proba training_model.fake_fakes_generator_kwargs
            training_model.predict_only
            losses.l1.weight_missing losses.l1.weight_known losses.perceptual.weight losses.adversarial.kind
            losses.adversarial.weight losses.adversarial.gp_coef losses.adversarial.mask_as_fake_target
            losses.adversarial.allow_scale_mask losses.adversarial.mask_scale_mode
            losses.feature_matching.weight losses.feature_matching.pass_mask losses.resnet_pl.weight
            losses.resnet_pl.weights_path
            optimizers.generator.kind optimizers.generator.lr optimizers.discriminator.kind
            optimizers.discriminator.lr
            generator.kind generator.input_nc generator.output_nc generator.ngf generator.n_downsampling
            generator.n_blocks generator.add_out_act generator.init_conv_kwargs
            generator.downsample_conv_kwargs generator.resnet_conv_kwargs.ratio_gin
            generator.resnet_conv_kwargs.ratio_gout generator.resnet_conv_kwargs.enable_lfu
            discriminator.kind discriminator.input_nc discriminator.ndf discriminator.n_layers
            data.batch_size data.val_batch_size data.num_workers data.train.indir data.train.out_size
            data.train.mask_gen_kwargs.irregular_proba data.train.mask_gen_kwargs.irregular_kwargs
            data.train.mask_gen_kwargs.box_proba data.train.mask_gen_kwargs.box_kwargs
            data.train.mask_gen_kwargs.segm_proba data.train.transform_variant data.train.dataloader_kwargs
            data.val.indir data.val.img_suffix data.val.dataloader_kwargs data.extra_val
            data.visual_test.indir data.visual_test.img_suffix data.visual_test.pad_out_to_modulo
            data.visual_test.dataloader_kwargs
            location.data_root_dir location.out_root_dir location.tb_dir location.pretrained_models
            trainer.kwargs.gpus trainer.kwargs.accelerator trainer.kwargs.max_epochs
            trainer.kwargs.gradient_clip_val trainer.kwargs.log_gpu_memory trainer.kwargs.limit_train_batches
            trainer.kwargs.val_check_interval trainer.kwargs.log_every_n_steps trainer.kwargs.precision
            trainer.kwargs.resume_from_checkpoint trainer.kwargs.terminate_on_nan
            trainer.kwargs.check_val_every_n_epoch trainer.kwargs.num_sanity_val_steps
            trainer.kwargs.replace_sampler_ddp trainer.checkpoint_kwargs.verbose
            trainer.checkpoint_kwargs.save_top_k trainer.checkpoint_kwargs.save_last
            trainer.checkpoint_kwargs.period trainer.checkpoint_kwargs.monitor trainer.checkpoint_kwargs.mode
            visualizer.kind visualizer.outdir visualizer.key_order visualizer.rescale_keys
            evaluator.kind evaluator.inpainted_key evaluator.integral_kind""",
        "bin/gen_mask_dataset.py": """
            config indir outdir --n-jobs --ext generator_kind mask_generator_kwargs
            mask_generator_kwargs.variants_n max_masks_per_image cropping.out_min_size
            cropping.handle_small_mode cropping.out_square_crop cropping.crop_min_overlap max_tamper_area""",
        "bin/evaluate_predicts.py": """
            config datadir predictdir outpath evaluator_kwargs.batch_size dataset_kwargs.img_suffix
            dataset_kwargs.inpainted_suffix segmentation.enable segmentation.weights_path""",
        "bin/make_checkpoint.py": "indir outdir --epochs --leave-discriminators --leave-losses",
        "bin/to_jit.py": "model.path model.checkpoint save_path",
        "SimpleLama": "device image mask",
    },
    "iopaint": {
        "iopaint start": """
            --host --port --inbrowser --model --model-dir --low-mem --no-half --cpu-offload
            --disable-nsfw-checker --cpu-textencoder --local-files-only --device --input --mask-dir
            --output-dir --quality --enable-interactive-seg --interactive-seg-model --interactive-seg-device
            --enable-remove-bg --remove-bg-device --remove-bg-model --enable-anime-seg --enable-realesrgan
            --realesrgan-device --realesrgan-model --enable-gfpgan --gfpgan-device --enable-restoreformer
            --restoreformer-device --config""",
        "iopaint run": "--model --device --image --mask --output --config --concat --model-dir",
        "iopaint download": "--model --model-dir",
        "iopaint list": "--model-dir",
        "iopaint start-web-config": "--config-file",
        "HTTP": """
            /api/v1/inpaint /ws /api/v1/adjust_mask /api/v1/run_plugin_gen_image
            /api/v1/run_plugin_gen_mask /api/v1/save_image /api/v1/medias /api/v1/media_file
            /api/v1/media_thumbnail_file /api/v1/model /api/v1/switch_plugin_model /api/v1/server-config
            /api/v1/samplers /api/v1/inputimage /api/v1/gen-info""",
        "InpaintRequest": """
            image mask hd_strategy hd_strategy_crop_trigger_size hd_strategy_crop_margin
            hd_strategy_resize_limit cv2_flag cv2_radius sd_keep_unmasked_area sd_mask_blur
            sd_match_histograms sd_seed ldm_steps ldm_sampler zits_wireframe prompt negative_prompt
            use_croper croper_x croper_y croper_height croper_width use_extender extender_x extender_y
            extender_height extender_width sd_scale sd_strength sd_steps sd_guidance_scale sd_sampler
            sd_outpainting_softness sd_outpainting_space sd_lcm_lora paint_by_example_example_image
            p2p_image_guidance_scale enable_controlnet controlnet_conditioning_scale controlnet_method
            enable_brushnet brushnet_method brushnet_conditioning_scale enable_powerpaint_v2 powerpaint_task
            fitting_degree""",
    },
    "stylegan2-ada": {
        "projector.py": "--network --target --num-steps --seed --save-video --outdir",
        "generate.py": "--network --seeds --trunc --class --noise-mode --projected-w --outdir",
        "style_mixing.py": "--network --rows --cols --styles --trunc --noise-mode --outdir",
        "train.py": """
            --outdir --gpus --snap --metrics --seed --dry-run --data --cond --subset --mirror --cfg --gamma
            --kimg --batch --aug --p --target --augpipe --resume --freezed --fp32 --nhwc --nobench
            --allow-tf32 --workers""",
        "dataset_tool.py": "--source --dest --max-images --resize-filter --transform --width --height",
        "calc_metrics.py": "--network --metrics --data --mirror --gpus --verbose",
        "legacy.py": "--source --dest --force-fp16",
        "PTI": """
            lpips_type first_inv_type optim_type latent_ball_num_of_samples locality_regularization_interval
            use_locality_regularization regulizer_l2_lambda regulizer_lpips_lambda regulizer_alpha
            pt_l2_lambda pt_lpips_lambda LPIPS_value_threshold max_pti_steps first_inv_steps
            max_images_to_invert pti_learning_rate first_inv_lr train_batch_size use_last_w_pivots
            cuda_visible_devices device training_step image_rec_result_log_snapshot pivotal_training_steps
            model_snapshot_interval run_name stylegan2_ada_ffhq e4e ir_se50 dlib style_clip_pretrained_mappers
            checkpoints_dir embedding_base_dir styleclip_output_dir experiments_output_dir input_data_path
            input_data_id pti_results_keyword e4e_results_keyword sg2_results_keyword
            sg2_plus_results_keyword multi_id_model_type interfacegan_age interfacegan_smile
            interfacegan_rotation ffhq_pca""",
    },
    "neural-style": {
        "neural_style": """
            -style_image -style_blend_weights -content_image -image_size -gpu -multigpu_strategy
            -multidevice_strategy -content_weight -style_weight -tv_weight -num_iterations
            -normalize_gradients -normalize_weights -init -init_image -optimizer -learning_rate
            -lbfgs_num_correction -print_iter -save_iter -output_image -style_scale -original_colors -pooling
            -proto_file -model_file -disable_check -backend -cudnn_autotune -seed -content_layers
            -style_layers""",
        "style_transfer": """
            content styles --output --style-weights --devices --random-seed --content-weight --tv-weight
            --optimizer --min-scale --end-scale --iterations --initial-iterations --save-every --step-size
            --avg-decay --init --style-scale-fac --style-size --pooling --proof --web --host --port
            --browser""",
        "fast_neural_style train": """
            --epochs --batch-size --dataset --style-image --save-model-dir --checkpoint-model-dir
            --image-size --style-size --cuda --accel --seed --content-weight --style-weight --lr
            --log-interval --checkpoint-interval""",
        "fast_neural_style eval": """
            --content-image --content-scale --output-image --model --cuda --accel --export_onnx""",
    },
    "seamless-clone": {
        "cv2": """
            seamlessClone.src seamlessClone.dst seamlessClone.mask seamlessClone.p NORMAL_CLONE MIXED_CLONE
            MONOCHROME_TRANSFER colorChange.red_mul colorChange.green_mul colorChange.blue_mul
            illuminationChange.alpha illuminationChange.beta textureFlattening.low_threshold
            textureFlattening.high_threshold textureFlattening.kernel_size""",
        "fpie": """
            --version --check-backend --backend --cpu --block-size --method --source --mask --target --output
            -h0 -w0 -h1 -w1 --gradient -n -p --mpi-sync-interval --grid-x --grid-y""",
    },
    "real-esrgan": {
        "inference_realesrgan.py": """
            --input --model_name --output --denoise_strength --outscale --model_path --suffix --tile
            --tile_pad --pre_pad --face_enhance --fp32 --alpha_upsampler --ext --gpu-id""",
        "BasicSR": """
            dataroot_gt dataroot_lq gt_size batch_size_per_gpu num_worker_per_gpu use_hflip use_rot scale
            network_g network_d pixel_opt.type pixel_opt.loss_weight perceptual_opt gan_opt
            pretrain_network_g total_iter warmup_iter ema_decay optim_g.lr optim_g.betas
            optim_g.weight_decay scheduler resume_state --auto_resume val_freq save_checkpoint_freq
            print_freq use_tb_logger wandb manual_seed num_gpu test_y_channel crop_border""",
    },
}
"""Page → program → what its command line or settings file knows, read off the projects' own sources."""

PLACEHOLDERS: dict[str, tuple[str, ...]] = {
    "N": ("16", "2", "64"),
    "NUMBER": ("0.5", "2"),
    "X,Y": ("1,2",),
    "X0,Y0,X1,Y1": ("1,2,3,4",),
    "CORNERS": ("1,1 9,1 5,9",),
    "DEVICE": ("cpu",),
    "KINDS": ("thin,thick",),
    "ROWS": ("0-3",),
    "LAYER": ("relu4_2",),
    "LAYERS": ("relu1_1,relu2_1",),
    "TIME": ("12h",),
}
"""Words in capitals → values of which one must do; all others stand for a file, a folder or a name."""

CHOICES = 3
"""How many values a word in capitals has at most."""

PICTURES = {"blend": 2, "stylize": 2, "morph": 2, "sample": 0}
"""Command → how many pictures it cannot do without, where it is not one."""

BESIDES = {
    "studio": "",
    "weights list": "",
    "weights show": "FILE",
    "weights fetch": "NAME",
    "export": "MODEL -o OUT.onnx",
    "batch inpaint": "--in SOURCE --mask MASK --out DIR",
    "batch upscale": "--in SOURCE --out DIR",
    "data check": "FOLDER",
    "data holes": "FOLDER --holes thin --out OUT",
    "data make": "SOURCE --out OUT",
    "weights convert": "FILE -o OUT",
    "evaluate": "FILE --data DATA",
    "evaluate inpaint": "FILE --data DATA",
    "evaluate restore": "FILE --data DATA",
}
"""Command → what it cannot do without, where that is not pictures and ``-o``."""


@dataclass(frozen=True, slots=True)
class Row:
    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    verdict: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of flags.

    Args:
        program: whose flags they are.
        commands: ours in which the flags of the second column are looked for.
        rows: of the table.
    """

    page: str
    program: str
    commands: tuple[str, ...]
    rows: tuple[Row, ...]


def tables(page: Path) -> list[Table]:
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"<!-- flags: (.+?) → (.+?) -->\n((?:\|.*\n)+)", text)
    assert len(found) == text.count("<!-- flags:"), page
    made = []
    for program, commands, body in found:
        rows = []
        for line in body.splitlines()[2:]:
            theirs, ours, verdict = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
            rows.append(Row(spans(theirs), spans(ours), verdict))
        made.append(Table(page.stem, program, tuple(re.split(", ?", commands)), tuple(rows)))
    return made


def spans(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


TABLES = [table for page in PAGES for table in tables(page)]
every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.page}: {table.program}")


def test_every_program_has_its_table() -> None:
    assert {page.stem for page in PAGES} == {"index", *THEIRS}
    found = [(table.page, table.program) for table in TABLES]
    assert sorted(found) == sorted((page, program) for page, named in THEIRS.items() for program in named)
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(([\w-]+)\.md\)", index)) == set(THEIRS)


@every_table
def test_every_flag_of_theirs_is_listed_once(table: Table) -> None:
    listed = Counter(span.partition(" ")[0] for row in table.rows for span in row.theirs)
    wanted = Counter(THEIRS[table.page][table.program].split())
    assert listed == wanted, f"missing {wanted - listed}, too many {listed - wanted}"


@every_table
def test_every_flag_says_what_becomes_of_it(table: Table) -> None:
    for row in table.rows:
        assert row.verdict == "same" or row.verdict.startswith(VERDICTS), row
        assert bool(row.ours) != row.verdict.startswith("no counterpart"), row


@every_table
def test_every_flag_of_ours_is_taken_by_our_command_line(table: Table) -> None:
    for row in table.rows:
        for span in row.ours:
            check(span, table.commands)


def check(span: str, commands: tuple[str, ...]) -> None:
    """Raise when something in our column does not exist."""
    if span.startswith(("retouch ", "torchrun ")):
        parsing.check(filled(span))
    elif span.startswith("-"):
        failures: list[str] = []
        assert any(_taken(span, commands, failures)), f"{span}: {failures}"
    elif span.startswith("RETOUCH_"):
        name = span.partition("=")[0]
        assert any(name in path.read_text(encoding="utf-8") for path in (HOUSE / "src").rglob("*.py")), span
    elif re.match(r"(GET|POST|DELETE) /", span):
        assert f"`{span}" in (HOUSE / "docs" / "api.md").read_text(encoding="utf-8"), span
    else:
        name, _, rest = span.partition("(")[0].partition(".")
        assert hasattr(retouch, name), span
        assert not rest or hasattr(getattr(retouch, name), rest), span


def _taken(span: str, commands: tuple[str, ...], failures: list[str]) -> Iterator[bool]:
    for command, choice in itertools.product(commands, range(CHOICES)):
        try:
            parsing.check(filled(f"retouch {command} {own(command, span)} {span}", choice))
        except Exception as error:
            failures.append(f"{command}: {error}")
        else:
            yield True


def own(command: str, span: str) -> str:
    """What a command cannot be parsed without."""
    given = re.findall(r"--?[\w-]+", span)
    needed = BESIDES.get(command, "--data DATA --out RUN" if command.startswith("train") else None)
    if "--resume" in given:
        return ""
    if needed is not None:
        return re.sub(r"(--?[a-z]+) \S+", lambda flag: "" if flag[1] in given else flag[0], needed)
    pictures = " ".join(f"P{number}.png" for number in range(PICTURES.get(command, 1)))
    return pictures if span.startswith("-o ") else f"{pictures} -o OUT.png"


def filled(span: str, choice: int = 0) -> str:
    """Put values in the place of words in capitals."""
    values = [PLACEHOLDERS.get(word, (word,)) for word in shlex.split(span)]
    return shlex.join(found[choice % len(found)] for found in values)


@pytest.mark.parametrize(
    ("span", "commands"),
    [
        ("--no-such N", ("translate",)),
        ("--tile WIDE", ("translate",)),
        ("--game.kind lsgan", ("train pix2pix",)),
        ("retouch weights display FILE", ("translate",)),
        ("RETOUCH_NOWHERE=1", ("translate",)),
        ("Inpainter.charge(MODEL)", ("translate",)),
        ("POST /nowhere", ("studio",)),
    ],
)
def test_what_does_not_exist_is_noticed(span: str, commands: tuple[str, ...]) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - parsers and assertions both say so
        check(span, commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_a_heading(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]+)#?([^)]*)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        there = (page.parent / target).resolve()
        assert there.is_file(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {
                re.sub(r"[^\w\s-]", "", heading).strip().lower().replace(" ", "-") for heading in headings
            }
            assert anchor in slugs, f"{target}#{anchor}"
