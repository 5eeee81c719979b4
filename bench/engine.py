"""How fast the maps come, beside the floor, torch autograd and JAX: `python -m bench.engine`.

One run, one BLAS thread, one processor, contenders interleaved: ratios hold on a noisy machine,
absolute times are only printed. All contenders do the same work: the forward pass, then direct,
exact and detours for every step and unit. The floor is T products (H, 2H) @ (2H, H), nothing else.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"
# Each library chooses its kernels for this processor: XLA cannot be held to narrower ones as
# OpenBLAS can, so a core type set for OpenBLAS alone would not be a fair race.
os.environ.pop("OPENBLAS_CORETYPE", None)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

# Numerical libraries count their threads when they are imported, so only now:
import argparse
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from time import perf_counter

import numpy as np

from lstm_engine import Weights, batch, cell_survival, draw_cell, draw_inputs, lstm

SIZES = ((8, 100), (32, 200), (64, 500), (128, 500))
D = 8
Contender = Callable[[], object]


def engine(weights: Weights, x: np.ndarray) -> Contender:
    return lambda: cell_survival(lstm, lstm.forward(weights, x), weights)


def floor(H: int, T: int) -> Contender:
    left, right = np.random.default_rng(0).standard_normal((2, H, 2 * H))
    right, out = np.ascontiguousarray(right.T), np.empty((H, H))

    def products() -> None:
        for _ in range(T):
            np.matmul(left, right, out=out)

    return products


def torch_autograd(weights: Weights, x: np.ndarray, *, rows: bool) -> Contender | None:
    """Batched cotangents: one backward call carries all H rows at once.

    States are vectors, as in the equations, or rows of one, which torch's linear layers prefer.
    (torch.nn.LSTMCell will not do: the c that it returns does not lead on to its h.)
    """
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    H = weights.weight_hh.shape[1]
    weight_ih, weight_hh, bias_ih, bias_hh = (torch.from_numpy(w.copy()) for w in weights[:4])
    linear = torch.nn.functional.linear
    inputs = torch.from_numpy(x)[:, None] if rows else torch.from_numpy(x)
    shape = (1, H) if rows else (H,)

    def gates(x_t: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if rows:
            a = linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)
        else:
            a = weight_ih @ x_t + weight_hh @ h + bias_ih + bias_hh
        return a.chunk(4, dim=-1)

    def maps() -> object:
        h, c = (torch.zeros(shape, dtype=torch.float64, requires_grad=True) for _ in range(2))
        cs = [c]
        for x_t in inputs:
            i, f, g, o = gates(x_t, h)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            cs.append(c)
        cotangents = torch.eye(H, dtype=torch.float64).reshape(H, *shape)
        grads = torch.autograd.grad(c, cs, grad_outputs=cotangents, is_grads_batched=True)
        return torch.stack(grads).norm(dim=1).log10()

    return maps


def jax_jit(weights: Weights, x: np.ndarray) -> Contender | None:
    """Scan forward, scan back with the step's vjp vmapped over the H rows, compiled beforehand."""
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)

    def step(weights, h, c, x_t):  # type: ignore[no-untyped-def]
        a = weights.weight_ih @ x_t + weights.weight_hh @ h + weights.bias_ih + weights.bias_hh
        i, f, g, o = jnp.split(a, 4)
        f, o = jax.nn.sigmoid(f), jax.nn.sigmoid(o)
        c = f * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return o * jnp.tanh(c), c, f, o * (1 - jnp.tanh(c) ** 2)

    @jax.jit
    def maps(weights, x):  # type: ignore[no-untyped-def]
        H = weights.weight_hh.shape[1]

        def forward(state, x_t):  # type: ignore[no-untyped-def]
            h, c, f, r = step(weights, *state, x_t)
            return (h, c), (*state, f, r)

        def back(rows, now):  # type: ignore[no-untyped-def]
            Pc, Ph, direct = rows
            h, c, x_t, f, r_before = now
            _, pull = jax.vjp(lambda h, c: step(weights, h, c, x_t)[:2], h, c)
            Ph, Pc = jax.vmap(pull)((Ph, Pc))
            direct = direct * f
            exact = Pc + Ph * r_before
            detours = exact - jnp.diag(direct)
            norms = (direct, jnp.linalg.norm(exact, axis=0), jnp.linalg.norm(detours, axis=0))
            return (Pc, Ph, direct), jnp.log10(jnp.stack(norms))

        _, (h, c, f, r) = jax.lax.scan(forward, (jnp.zeros(H), jnp.zeros(H)), x)
        r_before = jnp.concatenate((jnp.zeros((1, H)), r[:-1]))
        start = (jnp.eye(H), jnp.zeros((H, H)), jnp.ones(H))
        return jax.lax.scan(back, start, (h, c, x, f, r_before), reverse=True)[1]

    return lambda: maps(weights, x).block_until_ready()


def measure(contenders: dict[str, Contender], rounds: int, seconds: float) -> dict[str, list]:
    """Times of every contender in every round: the best of a few calls, warm.

    A slow contender sits out once it has had its seconds.
    """
    times: dict[str, list] = {name: [] for name in contenders}
    spent = dict.fromkeys(contenders, 0.0)
    for _ in range(rounds):
        for name, contender in contenders.items():
            if spent[name] < seconds:
                contender()  # warms what the contender before has cooled
                calls = [clocked(contender)]
                while sum(calls) < 0.02:
                    calls.append(clocked(contender))
                times[name].append(min(calls))
                spent[name] += 2 * sum(calls)
    return times


def clocked(contender: Contender) -> float:
    start = perf_counter()
    contender()
    return perf_counter() - start


def ratio(times: dict[str, list], top: str, bottom: str) -> str:
    """The median over rounds of two contenders' ratio, each pair from one round."""
    if top not in times:
        return "-"
    pairs = zip(times[top], times[bottom], strict=False)
    return f"{median(a / b for a, b in pairs):.2f}x"


def table_row(H: int, T: int, quick: bool) -> list[str]:
    weights = draw_cell(lstm, "pytorch", D, H, seed=0)
    x = draw_inputs("noise", T, D)
    asked = {"engine": engine(weights, x), "floor": floor(H, T), "JAX": jax_jit(weights, x)}
    if not (quick and H > 64):
        asked["torch"] = torch_autograd(weights, x, rows=False)
        asked["torch rows"] = torch_autograd(weights, x, rows=True)
    contenders = {name: contender for name, contender in asked.items() if contender}
    times = measure(contenders, 5 if quick else 25, 1.0 if quick else 8.0)
    names = ("engine", "floor", "JAX", "torch", "torch rows")
    ms = [f"{1000 * median(times[name]):.2f}" if name in times else "-" for name in names]
    ratios = [ratio(times, name, "engine") for name in names[2:]]
    return [f"({H}, {T})", *ms, ratio(times, "engine", "floor"), *ratios]


def together(H: int, T: int, B: int) -> str:
    """What B experiments cost side by side, beside B times the cost of one."""
    layers = [draw_cell(lstm, "pytorch", D, H, seed=seed) for seed in range(B)]
    inputs = [draw_inputs("noise", T, D, seed=seed) for seed in range(B)]
    contenders = {
        "one": engine(layers[0], inputs[0]),
        "all": engine(batch(layers), np.stack(inputs)),
    }
    times = measure(contenders, 15, 4.0)
    share = median(a / b for a, b in zip(times["all"], times["one"], strict=False)) / B
    ms = ", ".join(f"{name} {1000 * median(calls):.2f} ms" for name, calls in times.items())
    return f"({H}, {T}), {B} experiments side by side: {ms}, {share:.3f} of {B} runs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, torch up to H=64")
    quick = parser.parse_args().quick
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"one thread, float64, D={D}: median ms, then medians of ratios within a round")
    print(
        "torch: states are vectors, as in the equations; torch rows: (1, H), for its linear layers"
    )
    layout = "{:>11}" + "{:>12}" * 9
    names = ("engine", "floor", "JAX", "torch", "torch rows")
    print(layout.format("(H, T)", *names, "of floor", "JAX by", "torch by", "rows by"))
    for H, T in SIZES:
        print(layout.format(*table_row(H, T, quick)), flush=True)
    print(together(8, 100, 64))
    for module in ("jax", "torch"):
        if find_spec(module) is None:
            print(f"{module} is not installed here: no ratio to it")


if __name__ == "__main__":
    main()
