"""What happens once."""

from dataclasses import dataclass

from marrow_niche.quantities.parameters import quantity


@dataclass(frozen=True, kw_only=True)
class Once:
    """An event of one moment."""

    at: float = quantity("h", "when it happens", low=0)

    def due(self, hour):
        """Whether it falls in the hour that begins at `hour`."""
        return hour <= self.at < hour + 1
