"""The model card: what a model predicts, how well, from what, and how to use it, in Markdown."""

from __future__ import annotations

from aam.models.folder.manifest import Manifest, members_in_words


def model_card(manifest: Manifest) -> str:
    """The card of a model folder."""
    targets = manifest.targets
    lines = [f"# AAM {'encoder' if targets is None else 'model'}", ""]
    if targets is None:
        lines.append("A pre-trained encoder of 16S amplicon samples.")
        lines.append("Fine-tune it with `aam train --pretrained-encoder THIS_FOLDER`.")
    else:
        classes = f" ({', '.join(targets.specs[0].classes)})" if targets.specs[0].classes else ""
        columns = ", ".join(f"`{column}`" for column in targets.columns)
        lines.append(f"Predicts {columns}{classes} ({targets.kind.saved_name}) from a 16S feature table.")
        kinds = [member.kind for member in manifest.members]
        if kinds != ["network"]:
            lines.append(f"It consists of {members_in_words(kinds, list(manifest.weights))}.")
        lines += _usage(manifest)
    lines += ["", "## Data", ""] + [f"- {name}: {value}" for name, value in manifest.data.items()]
    lines += ["", "## Record", ""] + [f"- {name}: {value}" for name, value in manifest.record.items()]
    return "\n".join(lines) + "\n"


def _usage(manifest: Manifest) -> list[str]:
    """How to predict with it."""
    columns = manifest.needed_columns
    sheet = " --metadata YOUR_METADATA.tsv" if columns else ""
    command = f"aam predict --model THIS_FOLDER --table YOUR_TABLE{sheet} --output predictions.tsv"
    needed = ["", f"The metadata must have the columns {', '.join(columns)}."] if columns else []
    return ["", "```", command, "```", *needed]
