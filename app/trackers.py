"""Keys that newsletters, advertisements and social networks append to every link that they pass on.

None of them says anything about an experiment. Source: the documentation of the services named.
"""

import re

NAMES = """
    fbclid fb_action_ids fb_action_types fb_ref fb_source mibextid igsh igshid
    gclid gclsrc gbraid wbraid dclid gad gad_source gad_campaignid srsltid
    msclkid ocid cvid yclid ysclid ymclid _openstat openstat
    twclid ttclid rdt_cid li_fat_id epik scclid sccid qclid sznclid irclickid irgwc cjevent
    mc_cid mc_eid mc_tc ml_subscriber ml_subscriber_hash ck_subscriber_id mkt_tok trk trkinfo
    _hsenc _hsmi __hssc __hstc __hsfp hsctatracking vero_id vero_conv _ke _kx __s _bta_tid
    oly_anon_id oly_enc_id s_cid s_kwcid ef_id ss_source ss_campaign_id ss_email_id cmpid dm_i
    wickedid wt_mc wt_zmc xtor nr_email_referer rb_clickid tblci obclickid dicbo guccounter
    ref ref_src ref_url spm scm _gl _branch_match_id
"""
EXACT = frozenset(NAMES.split())
FAMILIES = re.compile(
    r"(?:utm|itm|mtm|matomo|piwik|pk|hsa|sfmc|bsft|elq|guce)[_-][\w.-]+|elqtrack\w*|_ga(?:[_c]\w*)?"
)
# A second question mark, which no link of ours has (%3F in a text), with such a key after it.
APPENDED = re.compile(rb"\?([\w-]{4,40})=[^&]*$", re.ASCII)


def is_tracker(key: str) -> bool:
    """Whether a key is one that trackers add; services differ in its case."""
    name = key.lower()
    return name in EXACT or FAMILIES.fullmatch(name) is not None


def without_appended(value: bytes) -> bytes:
    """A value as a link writes it, without ``?utm_source=…`` behind it."""
    end = APPENDED.search(value)
    return value[: end.start()] if end and is_tracker(end[1].decode()) else value
