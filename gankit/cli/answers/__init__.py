"""What each command answers programs with --json: the one list of types, of which schemas and docs/json.md are made."""

from __future__ import annotations

from typing import Any

from gankit.cli.answers import base, experiments, leaderboard, pictures, results, training

ANSWERS: dict[str, Any] = {
    "run": training.TrainingLine,
    "resume": training.TrainingLine,
    "validate": experiments.ValidateAnswer,
    "expand": experiments.ExpandAnswer,
    "estimate": experiments.EstimateAnswer,
    "prepare": experiments.PrepareAnswer,
    "data": experiments.DataAnswer,
    "cache": experiments.CacheAnswer,
    "compare": results.CompareAnswer,
    "diff": results.DiffAnswer,
    "leaderboard": leaderboard.LeaderboardAnswer,
    "track": results.TrackAnswer,
    "report": results.ReportAnswer,
    "runs": results.RunsAnswer,
    "evaluate": results.EvaluateAnswer,
    "average": results.AverageAnswer,
    "sample": pictures.SampleAnswer,
    "interpolate": pictures.InterpolateAnswer,
    "mix": pictures.MixAnswer,
    "film": pictures.FilmAnswer,
    "project": pictures.ProjectAnswer,
    "directions": pictures.DirectionsAnswer,
    "import": pictures.ImportAnswer,
    "export": pictures.ExportAnswer,
    "plugins": experiments.PluginsAnswer,
    "explain": experiments.ExplainAnswer,
    "schema": experiments.SchemaAnswer,
    "init": base.Wrote,
    "new-plugin": experiments.NewPluginAnswer,
    "completion": experiments.CompletionAnswer,
}
"""By command; of run and resume a line each."""
