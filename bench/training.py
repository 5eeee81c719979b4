"""How fast networks learn, beside torch: `python -m bench.training`.

One run, one BLAS thread, one processor, contenders interleaved: ratios hold on a noisy machine,
absolute times are only printed. An update is: forward, mean squared error, full backpropagation
through time, clipping by the global norm, Adam, in float64; with the draw of its batch or without.
Torch has nn.LSTM (or nn.GRU, nn.RNN) and nn.Linear.
"""

from bench.engine import Contender, measure, ratio  # first: it settles the threads

# isort: split
import argparse
import os
from statistics import median

import numpy as np

from lstm_engine import CELLS, Rnn, Weights, draw_cell, draw_examples, draw_rnn
from lstm_engine.cell import Cell
from lstm_engine.training import Setting, begin, parameters, train
from lstm_engine.training.network import flat
from lstm_engine.training.optimiser import Moved, adam, clipped
from lstm_engine.training.unrolled import Unrolled

SIZES = ((32, 100, 64), (8, 100, 64), (64, 100, 64), (32, 400, 64), (128, 200, 32))  # H, T, B
UPDATES = 3  # in each call of a contender, so that a call's own beginning counts little
TORCH = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}


def layer(name: str, H: int) -> tuple[Cell, Weights]:
    if name == "rnn":
        return Rnn(), draw_rnn("keras", 2, H, seed=0)
    return CELLS[name], draw_cell(CELLS[name], "keras", 2, H, seed=0)


def with_draws(name: str, H: int, setting: Setting) -> Contender:
    """As it is used: batches drawn, all numbers recorded."""
    cell, weights = layer(name, H)
    learner = begin(cell, weights, setting)
    return lambda: train(cell, learner, setting, UPDATES)


def without_draws(name: str, H: int, setting: Setting) -> Contender:
    cell, weights = layer(name, H)
    learner = begin(cell, weights, setting)
    examples = draw_examples(setting.task, 1, setting.batch, setting.T)
    room = Unrolled(cell, parameters(cell, learner, setting), examples.x.shape)
    moved = Moved(learner.theta, learner.first, learner.second)

    def updates() -> None:
        for n in range(1, UPDATES + 1):
            found = room.run(parameters(cell, learner, setting), examples, setting.asked)
            adam(moved, clipped(flat(found.gradients), setting.clip)[0], n, setting.rate)

    return updates


def torchs(name: str, setting: Setting, H: int, *, draws: bool) -> Contender | None:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    recurrent = getattr(torch.nn, TORCH[name])(2, H, dtype=torch.float64)
    linear = torch.nn.Linear(H, 1, dtype=torch.float64)
    tensors = [*recurrent.parameters(), *linear.parameters()]
    optimiser = torch.optim.Adam(tensors, lr=setting.rate)

    def batch(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        x, target = draw_examples(setting.task, n, setting.batch, setting.T)
        return torch.from_numpy(np.ascontiguousarray(x.swapaxes(0, 1))), torch.from_numpy(target)

    before = batch(1)

    def updates() -> None:
        for n in range(1, UPDATES + 1):
            x, target = batch(n) if draws else before
            optimiser.zero_grad()
            h, _ = recurrent(x)
            torch.nn.functional.mse_loss(linear(h[-1]), target).backward()
            torch.nn.utils.clip_grad_norm_(tensors, setting.clip)
            optimiser.step()

    return updates


def table_row(name: str, H: int, T: int, B: int, quick: bool) -> list[str]:
    setting = Setting(T=T, batch=B)
    asked = {"engine": without_draws(name, H, setting), "drawn": with_draws(name, H, setting)}
    if name in TORCH:
        asked["torch"] = torchs(name, setting, H, draws=False)
        asked["torch drawn"] = torchs(name, setting, H, draws=True)
    contenders = {key: contender for key, contender in asked.items() if contender}
    times = measure(contenders, 5 if quick else 20, 1.0 if quick else 5.0)
    ms = [
        f"{1000 * median(times[key]) / UPDATES:.2f}" if key in times else "-"
        for key in ("engine", "drawn", "torch", "torch drawn")
    ]
    ratios = "-", "-"
    if "torch" in times:
        ratios = ratio(times, "engine", "torch"), ratio(times, "drawn", "torch drawn")
    return [f"{name} ({H}, {T}, {B})", *ms, *ratios]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, one size")
    quick = parser.parse_args().quick
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print("an update, one thread, float64, adding, Adam: median ms, then of torch within a round")
    print("drawn: the draw of the batch is part of it; torch takes the same batches")
    layout = "{:>24}" + "{:>12}" * 4 + "{:>12}" * 2
    print(layout.format("(H, T, B)", "engine", "drawn", "torch", "drawn", "of torch", "drawn"))
    rows = [("lstm", *size) for size in SIZES[: 1 if quick else None]]
    rows += [(name, *SIZES[0]) for name in ("rnn", *CELLS) if name != "lstm"]
    for row in rows:
        print(layout.format(*table_row(*row, quick)), flush=True)


if __name__ == "__main__":
    main()
