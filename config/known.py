"""What is declared, for the checks that look beyond one declaration."""

from dataclasses import dataclass, field

from config.declarations import Defaults, Group, Kpi, Overview, Population, Source, Stage
from config.document import Place
from config.fields import Fields


@dataclass
class Known:
    """All declarations that fit their models, and the places of all that are written, whether they fit or not."""

    defaults: Defaults = field(default_factory=Defaults)
    defaults_at: list[Place] = field(default_factory=list)
    overview: Overview = field(default_factory=Overview)
    overview_at: list[tuple[int, Place]] = field(default_factory=list)
    """With the number of the layer."""
    groups: dict[str, Group] = field(default_factory=dict)
    groups_at: dict[str, Place] = field(default_factory=dict)
    pipelines: dict[str, dict[str, Stage]] = field(default_factory=dict)
    pipelines_at: dict[str, Place] = field(default_factory=dict)
    populations: dict[str, Population] = field(default_factory=dict)
    populations_at: dict[str, Place] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    sources_at: dict[str, Place] = field(default_factory=dict)
    kpis: dict[str, Kpi] = field(default_factory=dict)
    kpis_at: dict[str, Place] = field(default_factory=dict)
    kpi_layers: dict[str, int] = field(default_factory=dict)
    """The number of the layer that declares each KPI."""
    off: dict[str, str] = field(default_factory=dict)
    """The group of each KPI that is left out because its group is switched off."""

    def fields(self, source: Source) -> Fields:
        """Return the fields of `source`."""
        return Fields(source, self.sources)
