"""What is taught beside the handful of runs in `courses`: more sites, more runs, and the terms that are over."""

from datetime import UTC, datetime

from ol_sandbox.courses import OFFERINGS, Offering

_SPRING = datetime(2026, 2, 2, 14, tzinfo=UTC)
_AUTUMN = datetime(2025, 9, 8, 14, tzinfo=UTC)
_LAST_SPRING = datetime(2025, 2, 3, 14, tzinfo=UTC)

MORE_OFFERINGS = (
    Offering("mitxonline", "SynthX", "SYN.330x", "1T2026", _SPRING, exported=True),
    Offering("mitxonline", "SynthX", "SYN.010x", "1T2012", datetime(2012, 2, 6, 14, tzinfo=UTC), old_form=True),
    Offering("xpro", "SynthPro", "PRO.2x", "R1", datetime(2014, 6, 2, 5, tzinfo=UTC), old_form=True),
    Offering("edxorg", "SynthX", "SYN.204x", "1T2026", datetime(2026, 2, 9, 14, tzinfo=UTC)),
    Offering("edxorg", "SynthX", "SYN.330x", "1T2026", _SPRING),
    Offering("mitx", "SynthRes", "18.SYN1", "2026_Spring", _SPRING, exported=True),
    Offering("mitx", "SynthRes", "6.SYN4", "2026_Spring", _SPRING, exported=True, root_name="course"),
    Offering("mitx", "SynthRes", "8.SYN2", "2013_Fall", datetime(2013, 9, 4, 14, tzinfo=UTC), old_form=True),
)
"""Runs that every size but tiny has; with the first one, three runs of this spring are on two platforms."""

PAST_OFFERINGS = (
    Offering("mitxonline", "SynthX", "SYN.101x", "3T2025", _AUTUMN),
    Offering("mitxonline", "SynthX", "SYN.204x", "3T2025", _AUTUMN),
    Offering("mitxonline", "SynthX", "SYN.300x", "3T2025", _AUTUMN),
    Offering("mitxonline", "SynthX", "SYN.301x", "1T2025", _LAST_SPRING),
    Offering("xpro", "SynthPro", "PRO.7x", "R2", datetime(2025, 6, 2, 5, tzinfo=UTC)),
    Offering("xpro", "SynthPro", "PRO.9x", "R0", _AUTUMN),
    Offering("edxorg", "SynthX", "SYN.101x", "3T2025", _AUTUMN),
    Offering("edxorg", "SynthX", "SYN.204x", "3T2025", _AUTUMN),
    Offering("edxorg", "SynthX", "SYN.330x", "1T2025", _LAST_SPRING),
    Offering("edxorg", "SynthX", "SYN.042x", "1T2013", datetime(2013, 3, 4, 14, tzinfo=UTC), old_form=True),
    Offering("mitx", "SynthRes", "18.SYN1", "2025_Fall", _AUTUMN),
    Offering("mitx", "SynthRes", "6.SYN4", "2025_Fall", _AUTUMN),
)
"""Runs that ended before the first log: nobody studies there any more, but grades and certificates come from them."""

_INVENTED = {
    "mitxonline": ("SynthX", "SYN.{}x", "1T2026"),
    "xpro": ("SynthPro", "PRO.{}x", "R1"),
    "edxorg": ("SynthX", "SYN.{}x", "1T2026"),
    "mitx": ("SynthRes", "2.SYN{}", "2026_Spring"),
}


def current_offerings(invented: int | None) -> tuple[Offering, ...]:
    """The runs that people study in during the days of the logs.

    Args:
        invented: How many runs each platform has beside those decided by hand; None leaves all but the first out.
    """
    if invented is None:
        return OFFERINGS
    return (*OFFERINGS, *MORE_OFFERINGS, *_invented_offerings(invented))


def past_offerings(platforms: tuple[str, ...]) -> tuple[Offering, ...]:
    """The runs that are over, of these platforms."""
    return tuple(offering for offering in PAST_OFFERINGS if offering.platform in platforms)


def _invented_offerings(count: int) -> tuple[Offering, ...]:
    """Numbers from 501 on, so that no platform's invented course is another's."""
    return tuple(
        Offering(platform, org, number.format(500 + 20 * place + index), run, _SPRING, exported=platform != "edxorg")
        for place, (platform, (org, number, run)) in enumerate(_INVENTED.items())
        for index in range(1, count + 1)
    )
