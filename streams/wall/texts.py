"""All texts of the wall, each in English and Dutch, in the order of the languages."""

import re
from collections.abc import Mapping

from metrics.evaluate import Reason

Pair = tuple[str, str]

TEXTS: Mapping[str, Pair] = {
    # the page
    "wall": ("Sales wall", "Verkoopwand"),
    "skip": ("Skip to the figures", "Ga direct naar de cijfers"),
    "selection": ("Selection", "Selectie"),
    "window": ("Period", "Periode"),
    "team": ("Team", "Team"),
    "all_teams": ("All teams", "Alle teams"),
    "language": ("Language", "Taal"),
    "show": ("Show", "Toon"),
    "theme": ("Light or dark", "Licht of donker"),
    "kiosk": ("Full screen", "Volledig scherm"),
    "leave_kiosk": ("Back to the normal page", "Terug naar de gewone pagina"),
    "as_of": ("As of", "Stand"),
    "no_figures_yet": ("no figures yet", "nog geen cijfers"),
    "no_headlines": (
        "No KPI is marked as a headline; set `headline: true` in the `display` of those that belong here.",
        "Geen enkele KPI is gemarkeerd als kerncijfer; zet `headline: true` in de `display` van wat hier hoort.",
    ),
    # the banner
    "stale": ("These figures are not up to date.", "Deze cijfers zijn niet actueel."),
    "no_connection": (
        "The connection is lost; trying again.",
        "De verbinding is verbroken; er wordt opnieuw verbinding gemaakt.",
    ),
    "silent": ("Nothing has been heard for {} s.", "Er is al {} s niets ontvangen."),
    # a tile
    "whole_company": ("whole company", "hele organisatie"),
    "whole_company_title": (
        "This figure is not kept by team: it is that of the whole company.",
        "Dit cijfer is er niet per team: het is dat van de hele organisatie.",
    ),
    "other_window_title": (
        "This figure is not kept for the chosen period: this is the nearest one.",
        "Dit cijfer is er niet voor de gekozen periode: dit is de dichtstbijzijnde.",
    ),
    "better": ("better than {}", "beter dan {}"),
    "worse": ("worse than {}", "slechter dan {}"),
    "same": ("as {}", "zoals {}"),
    "before": ("{before} in {when}", "{before} in {when}"),
    "points": ("pp", "pp"),
    "of_target": ("{percent} of {target}", "{percent} van {target}"),
    "target_is": ("target {target}", "doel {target}"),
    "limit_is": ("limit {target}", "grens {target}"),
    "reached": ("reached", "gehaald"),
    "on_pace": ("on pace", "op koers"),
    "behind": ("behind", "achter op koers"),
    "below": ("below target", "onder doel"),
    "within": ("within", "binnen de grens"),
    "over": ("over", "boven de grens"),
    "pace": ("{percent} of the period is over", "{percent} van de periode is voorbij"),
    "trend": (
        "Trend: first {first}, last {last}, lowest {low}, highest {high}",
        "Verloop: eerst {first}, laatst {last}, laagst {low}, hoogst {high}",
    ),
    "absent": ("no value", "geen waarde"),
    "no_value_for_team": ("there is nothing of this team", "er is niets van dit team"),
    "unknown": ("unknown", "onbekend"),
    "other": ("other", "overig"),
    # the details
    "back": ("Back to the wall", "Terug naar de wand"),
    "close": ("Close", "Sluiten"),
    "loading": ("One moment …", "Een ogenblik …"),
    "not_loaded": ("That could not be fetched; try again later.", "Dat kon niet worden opgehaald; probeer het later."),
    "definition": ("What it is", "Wat het is"),
    "description": ("Meaning", "Betekenis"),
    "formula": ("Formula", "Formule"),
    "computed": ("How it is computed", "Hoe het wordt berekend"),
    "over_windows": ("Over all periods", "Over alle periodes"),
    "value": ("Value", "Waarde"),
    "by": ("By {}", "Per {}"),
    "and_more": ("… and {} more", "… en nog {}"),
    "nothing_here": ("There is nothing to show.", "Er is niets te tonen."),
    "why": ("Why this number?", "Waarom dit cijfer?"),
    "why_intro": (
        "What it is made of, newest first: {what}.",
        "Waar het uit bestaat, nieuwste eerst: {what}.",
    ),
    "why_button": ("Show what it is made of", "Toon waar het uit bestaat"),
    "more": ("More", "Meer"),
    "as_json": ("as JSON", "als JSON"),
    "entity_type": ("Type", "Soort"),
    "entity": ("Id", "Id"),
    "when": ("When", "Wanneer"),
    "total": ("Total", "Totaal"),
    "contribution": ("Contribution", "Bijdrage"),
    "entities_shown": ("{shown} of {total} shown", "{shown} van {total} getoond"),
    "no_entities": ("Nothing makes up this number now.", "Er is nu niets waar dit cijfer uit bestaat."),
    "not_found": ("There is no such KPI", "Die KPI bestaat niet"),
}  # fmt: skip

WINDOWS: Mapping[str, Pair] = {
    "now": ("now", "nu"),
    "1h": ("last hour", "laatste uur"),
    "24h": ("last 24 hours", "laatste 24 uur"),
    "7d": ("last 7 days", "laatste 7 dagen"),
    "30d": ("last 30 days", "laatste 30 dagen"),
    "90d": ("last 90 days", "laatste 90 dagen"),
    "365d": ("last 365 days", "laatste 365 dagen"),
    "dtd": ("today", "vandaag"),
    "wtd": ("this week", "deze week"),
    "mtd": ("this month", "deze maand"),
    "qtd": ("this quarter", "dit kwartaal"),
    "ytd": ("this year", "dit jaar"),
    "prev_day": ("yesterday", "gisteren"),
    "prev_week": ("last week", "vorige week"),
    "prev_month": ("last month", "vorige maand"),
    "prev_quarter": ("last quarter", "vorig kwartaal"),
}

COMPARED: Mapping[str, Pair] = {
    "now": ("before", "eerder"),
    "1h": ("the hour before", "het uur ervoor"),
    "24h": ("the 24 hours before", "de 24 uur ervoor"),
    "7d": ("the 7 days before", "de 7 dagen ervoor"),
    "30d": ("the 30 days before", "de 30 dagen ervoor"),
    "90d": ("the 90 days before", "de 90 dagen ervoor"),
    "365d": ("the 365 days before", "de 365 dagen ervoor"),
    "dtd": ("yesterday", "gisteren"),
    "wtd": ("as many days of last week", "evenveel dagen vorige week"),
    "mtd": ("as many days of last month", "evenveel dagen vorige maand"),
    "qtd": ("as many days of last quarter", "evenveel dagen vorig kwartaal"),
    "ytd": ("as many days of last year", "evenveel dagen vorig jaar"),
    "prev_day": ("the day before", "de dag ervoor"),
    "prev_week": ("the week before", "de week ervoor"),
    "prev_month": ("the month before", "de maand ervoor"),
    "prev_quarter": ("the quarter before", "het kwartaal ervoor"),
}

COMPARED_BRIEFLY: Mapping[str, Pair] = {
    **COMPARED,
    "wtd": ("last week", "vorige week"),
    "mtd": ("last month", "vorige maand"),
    "qtd": ("last quarter", "vorig kwartaal"),
    "ytd": ("last year", "vorig jaar"),
}
"""Where there is little room."""

AGGREGATES: Mapping[str, Pair] = {
    "sum": ("sum", "som"),
    "count": ("number", "aantal"),
    "mean": ("mean", "gemiddelde"),
    "min": ("least", "minst"),
    "max": ("most", "meest"),
    "count_distinct": ("different ones", "verschillende"),
    "latest": ("newest", "nieuwste"),
    "p50": ("median", "mediaan"),
    "p90": ("90th percentile", "90e percentiel"),
    "p95": ("95th percentile", "95e percentiel"),
    "p99": ("99th percentile", "99e percentiel"),
}

DIMENSIONS: Mapping[str, Pair] = {
    "team": ("team", "team"),
    "rep": ("rep", "vertegenwoordiger"),
    "region": ("region", "regio"),
    "channel": ("channel", "kanaal"),
    "source": ("source", "bron"),
    "pipeline": ("pipeline", "pipeline"),
    "stage": ("stage", "fase"),
    "status": ("status", "status"),
    "product": ("product", "product"),
    "segment": ("segment", "segment"),
    "deal_type": ("type of deal", "soort deal"),
    "kind": ("kind", "soort"),
    "category": ("category", "categorie"),
    "lost_reason": ("reason of loss", "reden van verlies"),
    "course": ("course", "cursus"),
    "content": ("content", "materiaal"),
    "property": ("hotel", "hotel"),
    "line": ("line", "lijn"),
    "market": ("market", "markt"),
    "series": ("indicator", "indicator"),
}

WEEKDAYS: tuple[Pair, ...] = (
    ("Monday", "maandag"),
    ("Tuesday", "dinsdag"),
    ("Wednesday", "woensdag"),
    ("Thursday", "donderdag"),
    ("Friday", "vrijdag"),
    ("Saturday", "zaterdag"),
    ("Sunday", "zondag"),
)
MONTHS: tuple[Pair, ...] = (
    ("January", "januari"),
    ("February", "februari"),
    ("March", "maart"),
    ("April", "april"),
    ("May", "mei"),
    ("June", "juni"),
    ("July", "juli"),
    ("August", "augustus"),
    ("September", "september"),
    ("October", "oktober"),
    ("November", "november"),
    ("December", "december"),
)

REASONS: Mapping[Reason, str] = {
    "denominator_zero": "er is niets om door te delen",
    "denominator_negative": "waardoor gedeeld wordt, is negatief",
    "no_samples": "er zijn geen metingen",
    "no_source_records": "er zijn geen gegevens, of geen die nieuw genoeg zijn",
    "no_plan": "er is geen plan voor de periode",
    "below_min_samples": "er zijn minder metingen dan `min_samples`",
}

STATES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"starting"), r"wordt gestart"),
    (re.compile(r"loading the history"), r"de geschiedenis wordt geladen"),
    (re.compile(r"loading the history of (\d+) days: (\d+)%"), r"de geschiedenis van \1 dagen wordt geladen: \2 %"),
    (re.compile(r"reading the cells: (\d+)%"), r"de cellen worden gelezen: \1 %"),
    (re.compile(r"the last evaluation was (\d+) s ago"), r"de laatste berekening was \1 s geleden"),
    (
        re.compile(r"the clock was put back by (\d+) s; start the demo again"),
        r"de klok is \1 s teruggezet; start de demo opnieuw",
    ),
    (re.compile(r"waiting for a kafka broker at `(.*)`"), r"er wordt gewacht op een Kafka-broker op `\1`"),
    (
        re.compile(r"topic `(.*)` is not there yet; run `(.*)`"),
        r"topic `\1` is er nog niet; voer `\2` uit",
    ),
    (
        re.compile(r"no worker has reported on shards? ([\d, ]+) yet; start `(.*)`"),
        r"nog geen worker heeft gemeld over shard \1; start `\2`",
    ),
    (
        re.compile(
            r"no worker has reported on shards? ([\d, ]+) for (\d+) s by this host's clock;"
            r" see whether workers and broker are well, and the clocks right"
        ),
        (
            r"al \2 s, volgens de klok hier, heeft geen worker gemeld over shard \1;"
            r" ga na of workers en broker werken en of de klokken gelijk lopen"
        ),
    ),
    (
        re.compile(r"the clock of the worker of shards? ([\d, ]+) is (\d+) s ahead of this host's; set both right"),
        r"de klok van de worker van shard \1 loopt \2 s voor op die van deze host; zet beide gelijk",
    ),
)
"""What boards say when they are not ready, and the same in Dutch."""
