"""One step of training: every turn of a recipe once, on one or more batches."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from retouch.training.distributed import Group
from retouch.training.recipe import Batch, Engine, Memory, Optimiser, Recipe, Turn
from retouch.training.schedule import rate


class Losses(nn.Module):
    """A turn's loss as a module, so that DDP sees exactly the networks that the turn changes."""

    def __init__(self, recipe: Recipe, turn: Turn, networks: Mapping[str, nn.Module], memory: Memory) -> None:
        super().__init__()
        self.changing = nn.ModuleDict({name: networks[name] for name in turn.networks})
        self.recipe = recipe
        self.turn = turn.name
        self.memory = memory
        # In a plain dictionary of a tuple, so that the other networks are not registered here.
        self.everything = (dict(networks),)

    def forward(self, batch: Batch, shared: Batch) -> dict[str, Tensor]:
        """Compute the turn's terms."""
        return self.recipe.losses(self.turn, self.everything[0], batch, shared, self.memory)


@dataclass
class Mover:
    """One turn with its optimiser.

    Args:
        turn: what it changes.
        settings: how.
        losses: the turn's loss, wrapped for DDP when there are several processes.
        optimiser: Adam over the weights of the turn's networks.
    """

    turn: Turn
    settings: Optimiser
    losses: nn.Module
    optimiser: torch.optim.Optimizer

    @property
    def weights(self) -> list[nn.Parameter]:
        """The weights that this turn changes."""
        return [weight for group in self.optimiser.param_groups for weight in group["params"]]

    def restore(self, state: dict[str, Any]) -> None:
        """Take an optimiser's moments back, but not its settings, which a resumed run may change.

        Args:
            state: its state_dict.
        """
        self.optimiser.load_state_dict(state)
        for group in self.optimiser.param_groups:
            group["betas"] = (self.settings.beta1, self.settings.beta2)
            group["weight_decay"] = self.settings.decay


class Stepper:
    """Carry out the steps of a recipe.

    Args:
        recipe: what to learn.
        networks: on the device already; changed by every step.
        memory: what the recipe remembers.
        group: the processes.
    """

    def __init__(
        self, recipe: Recipe, networks: Mapping[str, nn.Module], memory: Memory, group: Group
    ) -> None:
        self.recipe = recipe
        self.engine: Engine = recipe.engine
        self.group = group
        self.networks = dict(networks)
        called = {name: self._compiled(network) for name, network in networks.items()}
        self.called = called
        self.precision = autocast_type(self.engine.precision, group.device)
        self.movers = [self._mover(turn, settings, called, memory) for turn, settings in recipe.turns()]

    def _compiled(self, network: nn.Module) -> nn.Module:
        if self.engine.compile == "no":
            return network
        mode = "reduce-overhead" if self.engine.compile == "graphs" else "default"
        compiled: nn.Module = torch.compile(network, mode=mode)  # type: ignore[assignment]
        return compiled

    def _mover(
        self, turn: Turn, settings: Optimiser, called: Mapping[str, nn.Module], memory: Memory
    ) -> Mover:
        weights = [weight for name in turn.networks for weight in self.networks[name].parameters()]
        kind = torch.optim.AdamW if settings.decay else torch.optim.Adam
        optimiser = kind(
            weights,
            lr=settings.rate,
            betas=(settings.beta1, settings.beta2),
            weight_decay=settings.decay,
            fused=self.group.device.type in ("cpu", "cuda"),
        )
        losses: nn.Module = Losses(self.recipe, turn, called, memory)
        if self.group.world > 1:
            # The batch statistics of each process are its own; a broadcast would replace them in the
            # middle of a step, between the pass of one turn and that of the next.
            known = inspect.signature(DistributedDataParallel).parameters
            unsynced = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
            losses = DistributedDataParallel(losses, **dict[str, Any]({unsynced: False}))
        return Mover(turn, settings, losses, optimiser)

    def autocast(self) -> AbstractContextManager[Any]:
        """Compute in bfloat16 where that is safe, when asked."""
        if self.precision is torch.float32:
            return nullcontext()
        return torch.autocast(self.group.device.type, self.precision)

    def placed(self, batch: Batch) -> Batch:
        """Bring a batch to the device and to the form that the networks take."""
        device, last = self.group.device, self.engine.channels_last
        moved = {
            name: value.to(
                device,
                non_blocking=device.type == "cuda",
                memory_format=torch.channels_last if last and value.dim() == 4 else torch.preserve_format,
            )
            for name, value in batch.items()
        }
        return self.recipe.prepare(moved)

    def step(self, batches: Sequence[Batch], seen: int, total: int) -> dict[str, Tensor]:
        """Take one step of every turn.

        Args:
            batches: one for each accumulated gradient.
            seen: images that the run has seen before.
            total: images of the whole run.

        Returns:
            Name of a loss → its value, a scalar tensor on the device, averaged over the batches.
        """
        if self.engine.compile == "graphs":
            # The results of the last step may be overwritten now.
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        number = seen // (self.engine.batch * self.engine.accumulate * self.group.world)
        due = [mover for mover in self.movers if number % mover.turn.every == 0]
        prepared = [self.placed(batch) for batch in batches]
        only = due[0].turn.name if len(due) == 1 < len(self.movers) else None
        shared = self._shared(prepared[0], only) if len(prepared) == 1 else None
        told: dict[str, Tensor] = {}
        for mover in due:
            self._only(mover)
            for part, batch in enumerate(prepared):
                last = part == len(prepared) - 1
                self._accumulate(mover, batch, shared, told, parts=len(prepared), last=last)
            factor = rate(
                mover.settings.schedule, seen, total, hold=mover.settings.hold, warmup=mover.settings.warmup
            )
            for parameters in mover.optimiser.param_groups:
                parameters["lr"] = mover.settings.rate * factor
            if self.engine.clip:
                norm = nn.utils.clip_grad_norm_(mover.weights, self.engine.clip)
                told[f"{mover.turn.name}_gradient"] = norm.detach()
            mover.optimiser.step()
            mover.optimiser.zero_grad(set_to_none=True)
        return told

    def _shared(self, batch: Batch, only: str | None) -> Batch:
        """Compute what the turns share, with gradients for every network that a later turn may change."""
        for network in self.networks.values():
            network.requires_grad_(True)
        with self.autocast():
            return self.recipe.forward(self.called, batch, only)

    def _accumulate(
        self,
        mover: Mover,
        batch: Batch,
        shared: Batch | None,
        told: dict[str, Tensor],
        *,
        parts: int,
        last: bool,
    ) -> None:
        wait = (
            mover.losses.no_sync() if isinstance(mover.losses, DistributedDataParallel) and not last else None
        )
        with wait or nullcontext():
            with self.autocast():
                # With accumulation the pass is made anew in every turn: keeping the graphs of all
                # batches until the last turn would take the memory that accumulation saves.
                ready = self.recipe.forward(self.called, batch, mover.turn.name) if shared is None else shared
                terms: dict[str, Tensor] = mover.losses(batch, ready)
                loss = torch.stack([term.float() for term in terms.values()]).sum() / parts
            loss.backward()  # type: ignore[no-untyped-call]
        for name, term in terms.items():
            part = term.detach().float() / parts
            told[name] = told[name] + part if name in told else part

    def _only(self, mover: Mover) -> None:
        for name, network in self.networks.items():
            network.requires_grad_(name in mover.turn.networks)


def autocast_type(wish: str, device: torch.device) -> torch.dtype:
    """Choose the type that convolutions are computed in.

    Args:
        wish: auto, float32 or bfloat16.
        device: where.

    Returns:
        For auto: bfloat16 where the hardware multiplies it, else float32.
    """
    if wish == "float32":
        return torch.float32
    if wish == "bfloat16":
        return torch.bfloat16
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type == "cpu":
        able = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return torch.bfloat16 if able else torch.float32
    return torch.float32


def finite(networks: Iterable[nn.Module]) -> bool:
    """Say whether all weights are numbers."""
    return all(bool(torch.isfinite(weight).all()) for network in networks for weight in network.parameters())
