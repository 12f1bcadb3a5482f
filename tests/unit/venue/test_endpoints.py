from dataclasses import astuple

from polymarket._internal.environment import PRODUCTION_CONFIG

from engine.domain.market import TICKS
from engine.domain.units import Price
from engine.venue import endpoints
from engine.venue.endpoints import PRODUCTION, VenueHosts


def test_loopback_puts_every_host_on_the_one_given():
    hosts = VenueHosts.loopback("http://127.0.0.1:9001/", "ws://127.0.0.1:9002/")

    assert hosts.clob == hosts.gamma == hosts.data == hosts.relayer == "http://127.0.0.1:9001"
    assert (hosts.market_ws, hosts.user_ws) == (
        "ws://127.0.0.1:9002/ws/market",
        "ws://127.0.0.1:9002/ws/user",
    )
    assert all("//127.0.0.1:900" in url for url in astuple(hosts))


def test_production_hosts_are_those_of_the_pinned_client():
    config = PRODUCTION_CONFIG

    assert (
        VenueHosts(
            clob=config.clob_url,
            gamma=config.gamma_url,
            data=config.data_url,
            relayer=config.relayer_url,
            rpc=config.rpc_url,
            market_ws=config.clob_market_ws_url,
            user_ws=config.clob_user_ws_url,
        )
        == PRODUCTION
    )


def test_contracts_are_those_of_the_pinned_client():
    ours = (
        endpoints.CHAIN_ID,
        endpoints.STANDARD_EXCHANGE,
        endpoints.NEG_RISK_EXCHANGE,
        endpoints.EXCHANGE_V3,
    )
    config = PRODUCTION_CONFIG

    assert ours == (
        config.chain_id,
        config.standard_exchange,
        config.neg_risk_exchange,
        config.exchange_v3,
    )


def test_ticks_are_those_the_pinned_client_rounds_for():
    from polymarket._internal.actions.orders.context import _ROUNDING_BY_TICK

    theirs = {Price(int(tick * 10_000)) for tick in _ROUNDING_BY_TICK}

    assert theirs == TICKS
