"""Plots of both models: ROC curve and calibration."""

from typing import TYPE_CHECKING

import numpy as np

from examples.flights.models import calibration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"boosting": "#4F46E5", "baseline": "#9AA3B2"}


def _axes(title: str, across: str, up: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4.2), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#C9CED6", linewidth=1, linestyle="--")
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def roc_plot(truth: np.ndarray, forecasts: dict[str, np.ndarray]) -> "Figure":
    """ROC curves, one a model."""
    from sklearn.metrics import roc_auc_score, roc_curve

    figure = _axes("ROC, November and December", "False positive rate", "True positive rate")
    for kind, forecast in forecasts.items():
        wrong, right, _ = roc_curve(truth, forecast)
        figure.axes[0].plot(
            wrong, right, color=COLOURS[kind], label=f"{kind}, AUC {roc_auc_score(truth, forecast):.3f}"
        )
    figure.axes[0].legend(frameon=False)
    return figure


def calibration_plot(truth: np.ndarray, forecasts: dict[str, np.ndarray]) -> "Figure":
    """Forecast against what was observed, by tenth."""
    figure = _axes("Calibration, November and December", "Forecast probability", "Observed share")
    for kind, forecast in forecasts.items():
        table = calibration(truth, forecast)
        figure.axes[0].plot(table["forecast"], table["observed"], marker="o", color=COLOURS[kind], label=kind)
    figure.axes[0].legend(frameon=False)
    return figure
