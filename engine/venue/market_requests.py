"""The requests of the market channel: what to send so that the venue carries the tokens that are wanted."""

import json

from engine.domain.ids import TokenId

TOKENS_PER_REQUEST = 25
"""Tokens in one request. The venue hangs up on a request for a few thousand (rs-clob-client-v2#116), and it
answers each with one frame of all its books: 25 books of 2,000 levels a side are 3.6 MB, which fits into the
frame that we allow by default; 200 would not."""


def requests_of(carried: tuple[TokenId, ...] | None, wanted: tuple[TokenId, ...]) -> list[str]:
    """Return what brings the venue's subscription from `carried`, None on a new connection, to `wanted`."""
    before, after = set(carried or ()), set(wanted)
    gone = [token for token in carried or () if token not in after]
    added = [token for token in wanted if token not in before]
    texts = [_json(operation="unsubscribe", assets_ids=tokens) for tokens in _portions(gone)]
    for tokens in _portions(added):
        first = carried is None and not texts
        kind = {"type": "market"} if first else {"operation": "subscribe"}
        texts.append(_json(**kind, assets_ids=tokens, custom_feature_enabled=True))
    return texts


def _portions(tokens: list[TokenId]) -> list[list[TokenId]]:
    return [tokens[start : start + TOKENS_PER_REQUEST] for start in range(0, len(tokens), TOKENS_PER_REQUEST)]


def _json(**fields: object) -> str:
    return json.dumps(fields, separators=(",", ":"))
