"""The service TOML: what is taken, what is refused, and what a refusal says."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from config.desk_settings import desk_settings, operators_of
from config.settings import Mode, Settings, SettingsError, load, parse
from engine.domain.ticket import Role
from engine.domain.units import SIZE_ONE


def example() -> dict[str, Any]:
    """Return the shipped configuration's values."""
    return tomllib.loads(files("config").joinpath("service.example.toml").read_text(encoding="utf-8"))


def changed(table: str, **keys: Any) -> dict[str, Any]:
    """Return the shipped values with keys of one table replaced; None takes a key out."""
    values = example()
    merged = {**values.get(table, {}), **keys}
    values[table] = {key: value for key, value in merged.items() if value is not None}
    return values


def refusal(values: dict[str, Any]) -> str:
    """Return what the settings say against these values."""
    with pytest.raises(SettingsError) as caught:
        parse(values, source="service.toml")
    return str(caught.value)


def test_shipped_example_is_a_complete_local_configuration() -> None:
    settings = parse(example(), source="service.example.toml")

    assert settings.mode is Mode.LOCAL
    assert settings.caps.ticket_usdc == 250_000_000
    assert settings.caps.day_usdc == 1_000_000_000
    assert settings.dutch.safety_margin_usdc == 2_000


def test_example_shows_every_default_as_it_is() -> None:
    shown = parse(example(), source="example")
    bare = Settings(
        mode=Mode.LOCAL, operators=shown.operators, caps=shown.caps, rules=shown.rules, dutch=shown.dutch
    )

    assert bare == shown, "a key of the example differs from the default that its comment promises"


@pytest.mark.parametrize("key", ["ticket_usdc", "day_usdc"])
def test_missing_cap_is_refused_by_name(key: str) -> None:
    assert f"caps.{key}: expected a value, found none" in refusal(changed("caps", **{key: None}))


def test_missing_caps_table_is_refused() -> None:
    values = example()
    del values["caps"]

    assert "caps: expected a value" in refusal(values)


def test_unknown_key_is_refused_with_a_hint() -> None:
    assert "dutch.slipage_ticks: no such key" in refusal(changed("dutch", slipage_ticks=1))


def test_unknown_table_is_refused() -> None:
    values = example() | {"dutsch": {}}

    assert "dutsch: no such key" in refusal(values)


def test_every_fault_is_told_at_once() -> None:
    values = changed("caps", ticket_usdc=None, day_usdc="many")
    values["jobs"] = {"reconcile_s": 0}

    told = refusal(values)

    assert told.count("\n- ") == 3


@pytest.mark.parametrize(
    "value",
    [250.5, "1e3", "-1", "", "nan", "12,5", True, "0.0000001", "99999999999999999999999999999999999999999.0"],
)
def test_money_that_is_not_exact_decimal_text_is_refused(value: object) -> None:
    assert "caps.ticket_usdc" in refusal(changed("caps", ticket_usdc=value))


def test_money_as_whole_number_means_dollars() -> None:
    assert parse(changed("caps", ticket_usdc=25), source="t").caps.ticket_usdc == 25_000_000


def test_empty_allowlist_is_refused() -> None:
    values = example() | {"operators": []}

    assert "operators" in refusal(values)


@pytest.mark.parametrize("row", [{"user_id": 0}, {"user_id": -5}, {"name": ""}, {"role": "owner"}])
def test_operator_that_is_not_a_person_with_a_role_is_refused(row: dict[str, Any]) -> None:
    values = example()
    values["operators"] = [values["operators"][0] | row]

    assert "operators.0." in refusal(values)


def test_unknown_mode_is_refused_with_the_known_ones() -> None:
    told = refusal(example() | {"mode": "demo"})

    assert "'local', 'paper' or 'live'" in told


def test_reviewed_hash_that_is_no_hash_is_refused() -> None:
    assert "rules.reviewed.1" in refusal(changed("rules", reviewed={"1": "yes"}))


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::"])
def test_metrics_port_outside_loopback_is_refused(host: str) -> None:
    assert "ops.host" in refusal(changed("ops", host=host))


def test_refusal_never_repeats_a_secret() -> None:
    values = changed("relayer", private_key=["0xcafe" * 10])

    told = refusal(values)

    assert "relayer.private_key" in told
    assert "cafe" not in told


def test_secrets_do_not_show_in_a_repr() -> None:
    settings = parse(changed("telegram", token="123:canary-token"), source="t")

    assert "canary" not in repr(settings)
    assert "canary" not in str(settings.telegram)


def test_environment_does_not_reach_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "live")
    monkeypatch.setenv("CAPS", '{"ticket_usdc": 1, "day_usdc": 1}')

    assert parse(example(), source="t").caps.ticket_usdc == 250_000_000


def test_file_that_is_not_there_says_what_to_copy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"copy config/service\.example\.toml"):
        load(tmp_path / "service.toml")


def test_file_that_is_not_toml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "service.toml"
    path.write_text('mode = "local"\nmode = "live"\n', encoding="utf-8")

    with pytest.raises(SettingsError, match="line 2"):
        load(path)


def test_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "service.toml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(SettingsError, match="is not TOML"):
        load(path)


def test_desk_settings_change_units_and_nothing_else() -> None:
    settings = parse(example(), source="t")

    desk = desk_settings(settings)

    assert desk.caps.ticket == settings.caps.ticket_usdc
    assert desk.tickets.dry_ttl_ms == 600_000
    assert desk.tickets.armed_ttl_ms == 45_000
    assert desk.orders.horizon_ms == 60_000
    assert desk.dutch.max_sets == 1_000 * SIZE_ONE
    assert desk.reviewed == settings.rules.reviewed


def test_operators_become_the_allowlist() -> None:
    (ana,) = operators_of(parse(example(), source="t"))

    assert (ana.user_id, ana.name, ana.role) == (1001, "Ana", Role.ADMIN)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tokens_per_connection", 0),
        ("tokens_per_connection", 3),
        ("tokens_per_connection", 502),
        ("max_reconnects", -1),
        ("backoff_ms", 0),
        ("backoff_max_ms", 0),
        ("max_frame_bytes", 1_000),
    ],
)
def test_connection_settings_out_of_range_are_refused_by_name(key: str, value: int) -> None:
    assert f"feed.{key}: " in refusal(changed("feed", **{key: value}))


def test_ceiling_of_the_backoff_below_its_floor_is_refused_with_both() -> None:
    told = refusal(changed("feed", backoff_ms=500, backoff_max_ms=400))

    assert "feed: expected backoff_max_ms to be at least backoff_ms = 500, was 400" in told
