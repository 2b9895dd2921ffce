"""What keeps a run of several trainings from being one, whatever its data: found before anything is read or written."""

from __future__ import annotations

from aam.config import TrainConfig
from aam.log import silent
from aam.processes import on_scheduler


def check_surroundings(config: TrainConfig) -> None:
    """Refuse an encoder that cannot be read, a device that is not there, and a scheduler that does not answer.

    A network that is trained alone finds the first two itself, as first.

    Raises
    ------
    ConfigError, CheckpointError
        With what is wrong.
    """
    with on_scheduler(config.jobs.dask_scheduler):
        pass
    if config.learners.with_network:
        from aam.training.hardware.device import check_device

        check_device(config.run)
    if config.transfer.names_encoder:
        _check_encoder(config)


def _check_encoder(config: TrainConfig) -> None:
    from aam.models.folder.weights import load_model
    from aam.training.run.transfer import adopt_sizes, encoder_folder, read_encoder

    path = encoder_folder(config.transfer)
    assert path is not None
    with silent():  # what there is to say of it is said where it is used
        if config.learners.with_network:
            adopt_sizes(config, read_encoder(path))
        else:
            load_model(path)
