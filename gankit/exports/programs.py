"""A generator as a program that runs where gankit is not: by torch alone, or by whatever reads ONNX."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gankit.core.errors import UserError
from gankit.core.files import write_at_once
from gankit.exports.tracing import FAR, Baked, TracedGenerator, held_against, traced_program
from gankit.generators.exported import Description
from gankit.generators.trained import TrainedGenerator
from gankit.networks.protocols import TruncatesLatents

EXPERIMENT_FILE, PROVENANCE_FILE = "experiment.yaml", "provenance.json"
"""What a .pt2 calls its extra files."""
EXPERIMENT_KEY, PROVENANCE_KEY = "experiment", "provenance"
"""What an .onnx calls its properties."""
PLAIN = Baked()
"""No truncation, constant noise."""
OUTPUT, BATCH = "images", "batch"
"""What an .onnx calls what comes out, and how many of it."""
LARGEST_ONNX = 2**31 - 2**20
"""Bytes of weights: protobuf, of which ONNX files are made, knows no more than 2 GiB in one file."""
NEEDED_FOR_ONNX = ("onnx", "onnxscript", "onnxruntime")
NO_ONNX = "--to onnx needs onnx, onnxscript and onnxruntime: pip install 'gankit[onnx]'"


def refuse_impossible(generator: TrainedGenerator, baked: Baked, form: str) -> None:
    """Notice what is known to fail before anything is traced; the writers do it, too.

    Args:
        generator: What is to be exported.
        baked: What is to go into it.
        form: pt2 or onnx.

    Raises:
        UserError: if it keeps no mean of styles to truncate towards, a package is lacking, or it is too large.
    """
    if baked.truncation is not None and isinstance(generator.network.mapping, TruncatesLatents):
        raise UserError(
            "truncation: the mapping of this generator truncates latents, which a program is handed: leave it out, "
            "and hand it truncated ones"
        )
    generator.refuse_truncation(baked.truncation)
    if form != "onnx":
        return
    if not all(map(find_spec, NEEDED_FOR_ONNX)):
        raise UserError(NO_ONNX)
    size = sum(weight.nbytes for weight in generator.network.parameters_in_force())
    if size > LARGEST_ONNX:
        held = f"which holds {LARGEST_ONNX / 2**30:.2g} GiB; take pt2"
        raise UserError(f"--to onnx: {size / 2**30:.2g} GiB of weights are too many for one file, {held}")


def write_pt2(path: Path, generator: TrainedGenerator, baked: Baked = PLAIN) -> float:
    """Write a generator as a program of torch.export, which torch runs without gankit and plugins.

    `torch.export.load(path).module()` takes what `TracedGenerator.inputs` names, for any number of images.

    Returns:
        How far its images are from the generator's at most, as a share of their range.

    Raises:
        UserError: if `refuse_impossible` does, or it cannot be traced.
        RunError: if the program gives other images.
        OSError: if it cannot be written.
    """
    refuse_impossible(generator, baked, "pt2")
    traced = TracedGenerator(generator, baked)
    with _without_chatter():
        program = traced_program(traced, "pt2")
        content = io.BytesIO()
        torch.export.save(program, content, extra_files=_about(generator, traced, EXPERIMENT_FILE, PROVENANCE_FILE))
        content.seek(0)
        module = torch.export.load(content).module()
    apart = held_against(traced, lambda inputs: module(*inputs.values()), "the exported program")
    write_at_once(path, content.getvalue())
    return apart


def write_onnx(path: Path, generator: TrainedGenerator, baked: Baked = PLAIN) -> float:
    """Write a generator as one ONNX file, weights included, whose inputs are those that `TracedGenerator.inputs` names.

    Returns:
        How far its images are from the generator's at most, as a share of their range.

    Raises:
        UserError: if `refuse_impossible` does, or it cannot be traced or converted.
        RunError: if the file gives other images.
        OSError: if it cannot be written.
    """
    refuse_impossible(generator, baked, "onnx")
    import onnxruntime

    traced = TracedGenerator(generator, baked)
    with _without_chatter():
        program = traced_program(traced, "onnx")
        given = traced.example_inputs()
        try:
            converted = torch.onnx.export(
                program, (*given.values(),), input_names=[*given], output_names=[OUTPUT], dynamo=True, verbose=False
            )
        except Exception as failure:  # of many kinds
            raise UserError(
                f"--to onnx: torch.onnx cannot convert this generator: {' '.join(str(failure).split())}"
            ) from failure
        assert converted is not None
        model = converted.model
        count = model.graph.inputs[0].shape
        assert count is not None
        converted.rename_axes({str(count[0]): BATCH})
        for part in (model.graph, *model.graph.all_nodes()):  # where each came from in our code
            part.metadata_props.clear()
        model.metadata_props.update(_about(generator, traced, EXPERIMENT_KEY, PROVENANCE_KEY))
        content = converted.model_proto.SerializeToString()  # weights included
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(inputs: dict[str, Tensor]) -> Tensor:
        return torch.from_numpy(session.run(None, {name: each.numpy() for name, each in inputs.items()})[0])

    apart = held_against(traced, run, "the ONNX file", FAR)
    write_at_once(path, content)
    return apart


def _about(generator: TrainedGenerator, traced: TracedGenerator, experiment: str, provenance: str) -> dict[str, str]:
    """What a program says of itself under two names: the experiment as YAML, and as JSON all else that is known.

    That is where it comes from, what went into it and what it takes.
    """
    described = Description.of(generator).model_dump()
    text = described.pop("experiment")
    inputs = {name: [BATCH, *shape] for name, shape in traced.inputs.items()}
    about: dict[str, Any] = {"baked": traced.baked._asdict(), "inputs": inputs, "output": [BATCH, *generator.shape]}
    return {experiment: text, provenance: json.dumps(described | about, indent=2, sort_keys=True)}


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep to ourselves what exporters say of their own affairs: what matters is checked afterwards."""
    former = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(former)
