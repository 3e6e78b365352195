"""The picture of docs/benchmarks.md: how the cost grows with levels, pairs, days and lines."""

from pathlib import Path

Curves = dict[str, dict[str, dict[float, float]]]  # "what grows: what it costs" → label of a curve → x → y

LABELS = {"ours": "this project", "raw": "raw sockets"}


def draw(curves: Curves, path: Path) -> None:
    """One panel for each thing that grows, on a logarithmic axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    for axes, (title, lines) in zip(figure.subplots(2, 2).flat, curves.items(), strict=True):
        for label, curve in lines.items():
            axes.plot(list(curve), list(curve.values()), marker="o", label=LABELS.get(label, label))
        x_label, y_label = title.split(": ")
        axes.set(xscale="log", yscale="log" if "CPU" in y_label else "linear", xlabel=x_label, ylabel=y_label)
        axes.set_xticks(list(curve), [f"{x:g}" for x in curve], minor=False)
        axes.minorticks_off()
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=100)
