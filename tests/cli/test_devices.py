"""Commands about devices, of a model that has none."""

from tidegraph.cli import run


def test_a_model_without_devices_is_not_exported(model, tmp_path, capsys):
    assert run(["device", "export", str(model), "-o", str(tmp_path / "bundle")]) == 2

    assert "holds a pipeline without devices" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()
