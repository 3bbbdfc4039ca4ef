"""What is known of a venue's health besides its streams: doors that are shut, clocks that drift, a switch not armed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Health:
    """One venue's health as it stands now; plain numbers and texts, so that it is its own snapshot."""

    shut_until_ns: int = 0
    """The venue refuses everything until then; 0 once an answer has shown that it listens again."""
    shut_because: str = ""
    probed_ns: int = 0
    """When the one query was sent that finds out whether it listens again; 0 while none is under way."""
    probes: int = 0
    """Probes in a row that had no answer."""
    failures_ns: list[int] = field(default_factory=list)
    """Unproven outcomes and failed queries within the breaker's window."""
    resting_until_ns: int = 0
    """The breaker holds quoting back until then."""
    rests: int = 0
    """Rests in a row, each twice as long as the one before."""
    offset_ns: int | None = None
    """The venue's clock minus ours as last measured."""
    drift: str = ""
    """Why the clocks are not trusted; empty while they are."""
    alive_failures: dict[str, int] = field(default_factory=dict)
    """Renewals of a symbol's dead-man switch in a row that were not confirmed."""
    alive_until_ns: dict[str, int] = field(default_factory=dict)
    """When a symbol's countdown ends, as last confirmed."""
    private_up_ns: int = 0
    """When the private stream came up last."""
    untold_ns: dict[str, int] = field(default_factory=dict)
    """Orders, by client id, of which a query told something that the private stream owes; since when."""

    @property
    def shut(self) -> bool:
        """True until the venue has answered after it refused everything."""
        return self.shut_until_ns > 0
