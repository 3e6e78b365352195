"""`python -m infra.reach_picture`: draw docs/reach.png, how far from mid the top N levels of a book reach.

Ranges seen in recorded books of Binance spot, 2020 to 2025: 83 books of 41 pairs, a few of each pair.
"""

from matplotlib.figure import Figure

PATH = "docs/reach.png"
REACH_BPS = {
    "BTCUSDT": {20: (0.5, 4.0), 100: (3.0, 16.0), 1000: (40.0, 113.0)},
    "ETHUSDT": {1000: (105.0, 330.0)},
}
"""Pair → levels → the nearest and the farthest reach seen, in basis points."""
COLORS = {"BTCUSDT": "tab:blue", "ETHUSDT": "tab:orange"}
DISTANCES_BPS = (10, 50)
"""Distances to compare with."""


def draw() -> None:
    """Write the picture."""
    figure = Figure(figsize=(8, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    for pair, ranges in REACH_BPS.items():
        for levels, (nearest, farthest) in ranges.items():
            x = levels * (1.12 if pair == "ETHUSDT" else 1.0)  # beside each other
            axes.plot([x, x], [nearest, farthest], color=COLORS[pair], linewidth=8, solid_capstyle="butt")
            beside, side = (x * 1.08, "left") if pair == "ETHUSDT" else (x / 1.08, "right")
            text = f"{nearest:g}–{farthest:g}"
            axes.annotate(text, (beside, farthest), fontsize="small", va="center", ha=side)
        axes.plot([], [], color=COLORS[pair], linewidth=8, label=pair)
    for bps in DISTANCES_BPS:
        axes.axhline(bps, color="black", linewidth=0.8, linestyle="dashed")
        axes.annotate(f"--bps {bps}", (11, bps * 1.1), fontsize="small")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(10, 2500)
    axes.set_xticks([20, 100, 1000], labels=["20", "100", "1000"])
    axes.set_yticks([1, 10, 100], labels=["1", "10", "100"])
    axes.minorticks_off()
    axes.set_xlabel("levels of each side")
    axes.set_ylabel("reach from mid, basis points")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", frameon=False)
    figure.savefig(PATH)


if __name__ == "__main__":
    draw()
