"""The plugin within QIIME 2's framework: artifacts of QIIME 2 in, artifacts and visualizations out."""

import zipfile
from pathlib import Path

import pytest
import rachis
from rachis.core.exceptions import ValidationError
from rachis.plugins import aam as plugin
from rachis.sdk import PluginManager

from aam.config.commands.simulate import SimulateOptions
from aam.simulation.study import simulate_study

MOUSE = Path(__file__).resolve().parents[3] / "docs" / "tutorials" / "mouse"


def artifact(kind, path):
    return rachis.Artifact.import_data(kind, str(path))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Table, tree and metadata of a simulated study."""
    folder = tmp_path_factory.mktemp("study")
    options = {"samples": 50, "asvs": 40, "asvs_per_sample": 15.0, "reads": 800, "sequence_length": 40}
    simulate_study(SimulateOptions(output_dir=folder, progress=False, overwrite=True, **options))
    inner = folder / "inner"
    inner.mkdir()
    (folder / "table.biom").rename(inner / "feature-table.biom")
    return {
        "table": artifact("FeatureTable[Frequency]", inner),
        "phylogeny": artifact("Phylogeny[Rooted]", folder / "tree.nwk"),
        "metadata": rachis.Metadata.load(str(folder / "metadata.tsv")),
    }


@pytest.fixture(scope="module")
def fitted(study):
    return plugin.methods.fit_regressor(
        **study, column="gradient", group_column="subject", learners=["jaccard", "trees"]
    )


@pytest.fixture(scope="module")
def classified(study):
    return plugin.methods.fit_classifier(study["table"], study["metadata"], "group", learners=["jaccard"])


def frame(predictions):
    return predictions.view(rachis.Metadata).to_dataframe()


def entries(visualization, path):
    """Name within the archive -> content."""
    file = visualization.save(str(path))
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}


def test_every_action_and_option_is_described():
    actions = PluginManager().plugins["aam"].actions
    assert set(actions) == {"pretrain", "fit_regressor", "fit_classifier", "predict", "report", "explain", "evaluate"}
    for action in actions.values():
        signature = action.signature
        for spec in [*signature.inputs.values(), *signature.parameters.values()]:
            assert spec.has_description(), (action.id, spec)


def test_regressor_is_an_artifact(fitted):
    assert str(fitted.model.type) == "AAMModel[Regressor]"
    fitted.model.validate()
    held_out = frame(fitted.predictions)
    assert {"observed", "predicted", "predicted_low", "predicted_high"} <= set(held_out.columns)
    assert held_out["observed"].astype(float).corr(held_out["predicted"].astype(float)) > 0.5


def test_same_seed_gives_the_same_predictions(study, fitted):
    first = frame(fitted.predictions)
    again = plugin.methods.fit_regressor(
        **study, column="gradient", group_column="subject", learners=["jaccard", "trees"]
    )
    assert frame(again.predictions).equals(first)


def test_model_predicts_after_saving_and_loading(study, fitted, tmp_path):
    path = fitted.model.save(str(tmp_path / "model.qza"))
    loaded = rachis.Artifact.load(path)
    one = frame(plugin.methods.predict(study["table"], loaded).predictions)
    other = frame(plugin.methods.predict(study["table"], fitted.model).predictions)
    assert one.equals(other)
    assert len(one) == 50


def test_report_opens_in_the_viewer(fitted, tmp_path):
    """The viewer reads `metadata.yaml`, `data/index.html` and what the page refers to."""
    held = entries(plugin.visualizers.report(fitted.model).visualization, tmp_path / "report.qzv")
    assert b"type: Visualization" in held["metadata.yaml"]
    assert held["VERSION"].startswith(b"QIIME 2")
    page = held["data/index.html"].decode()
    assert "gradient" in page
    assert "<svg" in page or "data:image" in page
    assert 'src="http' not in page


def test_explanation_and_evaluation_are_shown(study, fitted, tmp_path):
    inputs = (study["table"], fitted.model, study["metadata"])
    explained = entries(plugin.visualizers.explain(*inputs).visualization, tmp_path / "explained.qzv")
    assert "data/index.html" in explained
    judged = entries(plugin.visualizers.evaluate(*inputs, include_trained=True).visualization, tmp_path / "judged.qzv")
    assert "data/index.html" in judged
    assert any(name.endswith(".tsv") for name in judged)


def test_classifier_predicts_labels(study, classified):
    assert str(classified.model.type) == "AAMModel[Classifier]"
    found = frame(plugin.methods.predict(study["table"], classified.model).predictions)
    assert set(found["predicted"]) <= set(study["metadata"].to_dataframe()["group"])


def test_encoder_is_pretrained(study):
    made = plugin.methods.pretrain(
        study["table"], phylogeny=study["phylogeny"], epochs=1, embedding_dim=16, attention_layers=1
    )
    assert str(made.model.type) == "AAMModel[Encoder]"
    made.model.validate()


def test_model_under_the_name_of_another_task_is_refused(classified, tmp_path):
    classified.model.export_data(str(tmp_path / "out"))
    with pytest.raises(ValidationError, match=r"is an AAMModel\[Classifier\], not an AAMModel\[Regressor\]"):
        artifact("AAMModel[Regressor]", tmp_path / "out")


def test_damaged_model_is_refused(fitted, tmp_path):
    fitted.model.export_data(str(tmp_path / "out"))
    (weights,) = (tmp_path / "out" / "model").glob("*.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 255
    weights.write_bytes(content)
    with pytest.raises(ValidationError, match="damaged"):
        artifact("AAMModel[Regressor]", tmp_path / "out")


def test_artifacts_that_qiime2_wrote_are_read():
    """Features by hash, with their DNA in another artifact."""
    found = plugin.methods.fit_regressor(
        rachis.Artifact.load(str(MOUSE / "table.qza")),
        rachis.Metadata.load(str(MOUSE / "metadata.tsv")),
        "age",
        sequences=rachis.Artifact.load(str(MOUSE / "rep-seqs.qza")),
        learners=["jaccard"],
    )
    assert len(frame(found.predictions)) > 100
