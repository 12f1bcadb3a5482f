"""A thousand tamperings with the audit; `python -m tests.campaigns.audit_tampering` runs more."""

from tests.campaigns.audit_tampering import KINDS, TamperCampaign


def test_every_tampering_is_found_and_its_line_named(tmp_path):
    figures = TamperCampaign(1, tmp_path).run(1_000)

    assert figures.missed == []
    assert figures.tried.keys() == KINDS.keys()
