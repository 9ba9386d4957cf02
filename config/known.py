"""What is declared, for the checks that look beyond one declaration."""

from dataclasses import dataclass, field

from config.declarations import Defaults, Kpi, Source, Stage
from config.document import Place


@dataclass
class Known:
    """All declarations that fit their models, and the places of all that are written, whether they fit or not."""

    defaults: Defaults = field(default_factory=Defaults)
    defaults_at: list[Place] = field(default_factory=list)
    pipelines: dict[str, dict[str, Stage]] = field(default_factory=dict)
    pipelines_at: dict[str, Place] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    sources_at: dict[str, Place] = field(default_factory=dict)
    kpis: dict[str, Kpi] = field(default_factory=dict)
    kpis_at: dict[str, Place] = field(default_factory=dict)
