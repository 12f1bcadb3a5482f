import pytest
from polymarket._internal.hmac import build_hmac_signature

from engine.venue.auth import ApiCredentials, L2Signer, attestation_signature
from engine.venue.keys import SigningKey
from tests.support.venue_orders import ADDRESS, API_SECRET, CREDENTIALS, PRIVATE_KEY

STAMP = 1_790_000_000


def test_attestation_is_the_golden_one():
    signature = attestation_signature(SigningKey(PRIVATE_KEY), STAMP, 0)

    assert signature == (
        "0x85ca564babee4e457e787f6a6db85d07f12ea4c3b436cbb0d7985b97543f11f5"
        "0a58fb1019b2ba8c4c77d3cc30a2901659b9074b54129b035d545c907c8c5caa1b"
    )


def test_attestation_changes_with_time_and_nonce():
    key = SigningKey(PRIVATE_KEY)

    assert len({attestation_signature(key, STAMP + s, n) for s in (0, 1) for n in (0, 1)}) == 4


@pytest.mark.parametrize(
    ("method", "path", "body", "signature"),
    [
        ("DELETE", "/order", b'{"orderID":"0xaa"}', "PqvrYqK3ItwVMJfKfNUXTUSywyBow1jUgBikUjhb4JQ="),
        ("GET", "/data/orders", b"", "f45ERiSpIKPCNZK4XxiiScNFqEFvVdwh0ufeD9a6l2g="),
    ],
)
def test_l2_headers_are_the_golden_ones(method, path, body, signature):
    headers = L2Signer(ADDRESS, CREDENTIALS).headers(STAMP, method, path, body)

    assert headers == {
        "POLY_ADDRESS": ADDRESS,
        "POLY_API_KEY": CREDENTIALS.key,
        "POLY_PASSPHRASE": CREDENTIALS.passphrase,
        "POLY_SIGNATURE": signature,
        "POLY_TIMESTAMP": str(STAMP),
    }


def test_l2_signature_equals_the_official_clients_for_a_unicode_body():
    body = '[{"owner":"é \\" 漢"}]'

    ours = L2Signer(ADDRESS, CREDENTIALS).headers(STAMP, "POST", "/orders", body.encode())["POLY_SIGNATURE"]

    theirs = build_hmac_signature(
        secret=API_SECRET, timestamp=STAMP, method="POST", path="/orders", body=body
    )
    assert ours == theirs


def test_l2_accepts_a_secret_without_its_padding():
    bare = ApiCredentials(CREDENTIALS.key, API_SECRET.rstrip("="), CREDENTIALS.passphrase)

    assert L2Signer(ADDRESS, bare).headers(STAMP, "GET", "/x") == L2Signer(ADDRESS, CREDENTIALS).headers(
        STAMP, "GET", "/x"
    )


@pytest.mark.parametrize("secret", ["a", "!!!!", "ab c", "é" * 4])
def test_l2_refuses_a_secret_that_is_not_base64(secret):
    with pytest.raises(ValueError, match="base64"):
        L2Signer(ADDRESS, ApiCredentials("key", secret, "pass"))


def test_l2_refuses_a_path_with_its_query():
    with pytest.raises(AssertionError, match="without its query"):
        L2Signer(ADDRESS, CREDENTIALS).headers(STAMP, "GET", "/data/orders?id=1")


def test_credentials_show_neither_secret_nor_passphrase():
    shown = repr(ApiCredentials("owner", API_SECRET, "hunter2"))

    assert API_SECRET not in shown
    assert "hunter2" not in shown
