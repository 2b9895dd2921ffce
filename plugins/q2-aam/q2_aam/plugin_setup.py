"""Registers types, formats and actions. What an option means is said by `aam`'s own help."""

from aam.config.option import fields
from aam.config.registry import COMMANDS
from aam.version import __version__
from q2_aam import actions
from q2_aam.formats import FeatureData, FeatureTable, Frequency, Phylogeny, Rooted, Sequence
from q2_aam.framework import Metadata, framework
from q2_aam.models import (
    AAMModel,
    AAMModelDirectoryFormat,
    AnyFileFormat,
    Classifier,
    Encoder,
    Regressor,
    check_task,
)
from q2_aam.predictions import AAMPredictions, PredictionsDirectoryFormat, PredictionsFormat

plugin = framework.Plugin(
    name="aam",
    version=__version__,
    website="https://pypi.org/project/aam/",
    package="q2_aam",
    short_description="Predict metadata from 16S amplicon data, with intervals and explanations.",
    description=(
        "AAM (Attention All Microbes) predicts what the metadata says, such as age, pH or diagnosis, from a feature "
        "table and the DNA of its features: with prediction intervals, warnings of samples unlike those of training, "
        "and explanations."
    ),
    user_support_text="Please write to the developers of AAM.",
)

TRAINED = AAMModel[Regressor | Classifier]
INPUTS = {"table": FeatureTable[Frequency], "sequences": FeatureData[Sequence]}
INPUT_WORDS = {
    "table": "Counts of ASVs. Ids that are no DNA need the sequences.",
    "sequences": "DNA of the features.",
    "phylogeny": "Rooted tree of the features.",
    "model": "The model.",
}
MODEL_WORDS = "The model, with the report of its training."
METADATA_WORDS = "Metadata of the samples."


def help_of(command: str, *names: str) -> dict[str, str]:
    """Name -> what `aam` says of the option."""
    known = {field.name: field.metadata["help"] for _, field, _ in fields(COMMANDS[command].config)}
    return {name: known[name] for name in names}


plugin.register_formats(AnyFileFormat, AAMModelDirectoryFormat, PredictionsFormat, PredictionsDirectoryFormat)
plugin.register_semantic_types(AAMModel, Regressor, Classifier, Encoder, AAMPredictions)
for task in (Regressor, Classifier, Encoder):
    plugin.register_artifact_class(
        AAMModel[task], directory_format=AAMModelDirectoryFormat, description=f"A model of AAM: {task.name.lower()}."
    )
plugin.register_artifact_class(
    AAMPredictions, directory_format=PredictionsDirectoryFormat, description="Predictions of AAM, usable as metadata."
)


@plugin.register_validator(AAMModel[Regressor])
def _is_regressor(data: AAMModelDirectoryFormat, level: str) -> None:
    check_task(data, Regressor.name)


@plugin.register_validator(AAMModel[Classifier])
def _is_classifier(data: AAMModelDirectoryFormat, level: str) -> None:
    check_task(data, Classifier.name)


@plugin.register_validator(AAMModel[Encoder])
def _is_encoder(data: AAMModelDirectoryFormat, level: str) -> None:
    check_task(data, Encoder.name)


@plugin.register_transformer
def _as_metadata(ff: PredictionsFormat) -> Metadata:
    return Metadata.load(str(ff))


PRETRAINING = ("epochs", "embedding_dim", "attention_layers", "seed")
plugin.methods.register_function(
    function=actions.pretrain,
    inputs={**INPUTS, "phylogeny": Phylogeny[Rooted]},
    parameters=dict.fromkeys(PRETRAINING, framework.Int),
    outputs=[("model", AAMModel[Encoder])],
    input_descriptions={name: INPUT_WORDS[name] for name in ("table", "sequences", "phylogeny")},
    parameter_descriptions=help_of("pretrain", *PRETRAINING),
    output_descriptions={"model": MODEL_WORDS},
    name="Pre-train an encoder",
    description="Learn from samples without labels. The model is a start for further training by `aam train`.",
)

FIT_PARAMETERS = {
    "metadata": framework.Metadata,
    "column": framework.Str,
    "group_column": framework.Str,
    "categorical_columns": framework.List[framework.Str],
    "numeric_columns": framework.List[framework.Str],
    "learners": framework.List[framework.Str],
    "seed": framework.Int,
    "jobs": framework.Int % framework.Range(1, None),
}
FIT_WORDS = {
    "metadata": METADATA_WORDS,
    **help_of("train", *(name for name in FIT_PARAMETERS if name not in ("metadata", "column"))),
}
for function, task, what, title in (
    (actions.fit_regressor, Regressor, "Column of numbers to predict.", "Fit a model that predicts numbers"),
    (actions.fit_classifier, Classifier, "Column of classes to predict.", "Fit a model that predicts classes"),
):
    plugin.methods.register_function(
        function=function,
        inputs={**INPUTS, "phylogeny": Phylogeny[Rooted]},
        parameters=FIT_PARAMETERS,
        outputs=[("model", AAMModel[task]), ("predictions", AAMPredictions)],
        input_descriptions={name: INPUT_WORDS[name] for name in ("table", "sequences", "phylogeny")},
        parameter_descriptions={**FIT_WORDS, "column": what},
        output_descriptions={
            "model": MODEL_WORDS,
            "predictions": "What is predicted for each training sample when it is held out.",
        },
        name=title,
        description="Fit a blend of learners, or those that are named; judge it on samples that are held out in turn.",
    )

APPLIED = {"table": INPUTS["table"], "model": TRAINED, "sequences": INPUTS["sequences"]}
APPLIED_WORDS = {name: INPUT_WORDS[name] for name in APPLIED}
plugin.methods.register_function(
    function=actions.predict,
    inputs=APPLIED,
    parameters={"metadata": framework.Metadata, "allow_unfamiliar": framework.Bool},
    outputs=[("predictions", AAMPredictions)],
    input_descriptions=APPLIED_WORDS,
    parameter_descriptions={"metadata": METADATA_WORDS, **help_of("predict", "allow_unfamiliar")},
    output_descriptions={"predictions": "Predictions with intervals or probabilities, and warnings."},
    name="Predict new samples",
    description="Predict the samples of a table. Where the model reads covariates, the metadata must have them.",
)
plugin.visualizers.register_function(
    function=actions.report,
    inputs={"model": TRAINED | AAMModel[Encoder]},
    parameters={},
    input_descriptions={"model": INPUT_WORDS["model"]},
    parameter_descriptions={},
    name="Show the report of a model",
    description="How good the model is, beside a random forest and a guess, with figures.",
)
plugin.visualizers.register_function(
    function=actions.explain,
    inputs=APPLIED,
    parameters={"metadata": framework.Metadata},
    input_descriptions=APPLIED_WORDS,
    parameter_descriptions={"metadata": METADATA_WORDS},
    name="Explain a model",
    description="Which microbes the predictions rest on, with intervals.",
)
plugin.visualizers.register_function(
    function=actions.evaluate,
    inputs=APPLIED,
    parameters={"metadata": framework.Metadata, "include_trained": framework.Bool},
    input_descriptions=APPLIED_WORDS,
    parameter_descriptions={"metadata": METADATA_WORDS, **help_of("evaluate", "include_trained")},
    name="Judge a model by labelled samples",
    description="Metrics with intervals, errors by column and the worst samples.",
)
