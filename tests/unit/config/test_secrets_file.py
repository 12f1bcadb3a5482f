"""The secrets file: who may read it, and what may stand in it."""

from importlib.resources import files
from pathlib import Path

import pytest

from config.secrets_file import SECRETS_NAME, SecretsError, read_secrets
from config.settings import load, read_toml

KEY = "0x" + "11" * 32


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    """Write the secrets file and return its path."""
    path = folder / SECRETS_NAME
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_absent_file_gives_no_secrets(tmp_path: Path) -> None:
    assert read_secrets(tmp_path / SECRETS_NAME, parse=read_toml) == {}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601, 0o777])
def test_file_that_others_can_reach_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path, f'[relayer]\nprivate_key = "{KEY}"\n', mode)

    with pytest.raises(SecretsError, match=f"found {mode:04o}.*chmod 600") as caught:
        read_secrets(path, parse=read_toml)
    assert KEY not in str(caught.value)


def test_link_is_refused_even_to_a_private_file(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.toml"
    real.write_text("", encoding="utf-8")
    real.chmod(0o600)
    link = tmp_path / SECRETS_NAME
    link.symlink_to(real)

    with pytest.raises(SecretsError, match="found a link"):
        read_secrets(link, parse=read_toml)


def test_dangling_link_is_refused_rather_than_taken_for_absent(tmp_path: Path) -> None:
    link = tmp_path / SECRETS_NAME
    link.symlink_to(tmp_path / "nowhere")

    with pytest.raises(SecretsError, match="found a link"):
        read_secrets(link, parse=read_toml)


@pytest.mark.parametrize(
    "text", ['mode = "live"\n', "[caps]\nday_usdc = 9\n", '[telegram]\nbase_url = "http://elsewhere"\n']
)
def test_key_that_is_no_secret_is_refused_there(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(SecretsError, match="belongs into the service TOML"):
        read_secrets(path, parse=read_toml)


def test_secrets_overlay_the_service_file_key_by_key(tmp_path: Path) -> None:
    service = tmp_path / "service.toml"
    example = files("config").joinpath("service.example.toml").read_text(encoding="utf-8")
    service.write_text(example.replace("timeout_s = 5 ", "timeout_s = 7 "), encoding="utf-8")
    written(tmp_path, f'[relayer]\nprivate_key = "{KEY}"\n')

    settings = load(service)

    assert settings.relayer.private_key.get_secret_value() == KEY
    assert settings.relayer.timeout_s == 7


def test_shipped_secrets_example_holds_every_allowed_key_and_loads(tmp_path: Path) -> None:
    example = files("config").joinpath("secrets.local.toml.example").read_text(encoding="utf-8")
    path = written(tmp_path, example)

    values = read_secrets(path, parse=read_toml)

    assert values == {
        "telegram": {"token": "", "webhook_secret": ""},
        "relayer": {"private_key": "", "gas_key": ""},
    }
