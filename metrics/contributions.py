"""Contributions: what one entity adds to each cube as of T, compiled from the declarations to a function a source.

`contribute(entity, now, entity_id)` returns the rows of every cube and the instant from which they would be others by
themselves. A row is ``(time, combination, hidden number, measures...)``: the time is an instant (ms) or a local date,
the combination is the number of the row's dimension values (and currency), the hidden number a bucket, an instant or
the like; what is as of T has no time, most cubes no hidden number. The text is generated, as dataclasses and attrs do,
because interpreting the YAML for each event costs several times the work itself.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from config.declarations import Declarations, DurationValue, Population, Source, Value, Where
from metrics.admitted import OTHER
from metrics.calendar import BusinessCalendar
from metrics.cubes import WINDOW, Cube, MeasureDef, spell
from metrics.derived import SCALE, Children
from metrics.fieldcode import FieldCode
from metrics.histogram import bucket
from metrics.membership import MembershipWindows, contacts_of, intervals_of, phases_of
from metrics.relations import (
    ENTITY_ID,
    Relation,
    dimension_of,
    dimension_path,
    list_of,
    position_of,
)

_GONE = "entity.deleted or (entity.key[0] < 0 and not entity.overrides)"
"""The condition that an entity is deleted, or that no event has said anything of it yet."""

Row = tuple[Any, ...]
Rows = tuple[tuple[Row, ...], ...]
"""The rows of each cube, by the cube's position."""

Links = tuple[tuple[str, Any] | None, ...]
"""(parent id, what it is told) for each relation the source is a child in; None when there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class SourceCode:
    """The compiled functions of one source."""

    contribute: Callable[[Any, int, str], tuple[Rows, int]]
    links: Callable[[Any], Links]
    """For each relation the source is a child in: (parent id, what it is told), or None when there is nothing."""
    nothing: Rows
    """The rows of an entity that contributes nothing."""
    text: str


@dataclass(frozen=True, slots=True)
class Compiling:
    """What the compilation of a source looks at besides the source itself."""

    declarations: Declarations
    calendar: BusinessCalendar
    relations: Sequence[Relation]


def compile_source(source: Source, cubes: Sequence[Cube], blank: Any, around: Compiling) -> SourceCode:
    """Compile the contributions and links of `source`.

    Args:
        source: the source.
        cubes: its cubes, the incomplete one last.
        blank: a record without any field.
        around: the declarations, the calendar and the relations.
    """
    contributions = _Contributions(source, cubes, around)
    text = "\n".join(contributions.lines())
    scope = contributions.code.scope
    scope["BLANK"] = blank
    exec(compile(text, f"<contributions of {source.key}>", "exec"), scope)  # noqa: S102 (see the module's first lines)
    links, link_scope = _links(source, around)
    exec(compile(links, f"<links of {source.key}>", "exec"), link_scope)  # noqa: S102 (likewise)
    return SourceCode(scope["contribute"], link_scope["links"], scope["NOTHING"], f"{text}\n\n{links}")


def compile_complete(source: Source, around: Compiling) -> Callable[[Any], bool]:
    """Compile whether the fields of a record of `source` hold all that it must have."""
    code = FieldCode(source, around.declarations, around.calendar)
    missing = " or ".join(f"({m})" for _, m in requirements(code)) or "False"
    text = "\n".join(["def complete(data):", *("    " + line for line in code.head), f"    return not ({missing})"])
    exec(compile(text, f"<completeness of {source.key}>", "exec"), code.scope)  # noqa: S102
    complete: Callable[[Any], bool] = code.scope["complete"]
    return complete


def compile_labels(source: Source, blank: Any, around: Compiling) -> Callable[[Any, int, str], dict[str, Any]]:
    """Compile the values that an entity has of its source's dimensions, None where they are unknown.

    Those that belong to the items of a list are left out. Arguments are as those of `compile_source`; the function
    takes the entity, T and the entity's id.
    """
    code = FieldCode(source, around.declarations, around.calendar)
    missing = " or ".join(f"({m})" for _, m in requirements(code)) or "False"
    needed = ["    " + line for line in code.head]
    own = [d for d in source.dimensions if list_of(source, dimension_path(source, d, None)) is None]
    labels = ", ".join(f"{d!r}: {_label(code, d, None)}" for d in own)
    lines = [
        "def labels(entity, now, entity_id):",
        "    nxt = NEVER; data = entity.data",
        *needed,
        f"    if {_GONE} or {missing}: data = BLANK",  # it counts by its children alone
        *("    " + line for line in code.head),
        f"    return {{{labels}}}",
    ]
    code.scope["BLANK"] = blank
    exec(compile("\n".join(lines), f"<labels of {source.key}>", "exec"), code.scope)  # noqa: S102 (as above)
    found: Callable[[Any, int, str], dict[str, Any]] = code.scope["labels"]
    return found


def _label(code: FieldCode, name: str, items: str | None) -> str:
    """Return the expression of the value of a dimension, when the items of a list (or the entities) are counted."""
    dimension, path = dimension_of(code.source, name), dimension_path(code.source, name, items)
    if path == ENTITY_ID:
        return "entity_id"
    variable = code.item(path) if list_of(code.source, path) is not None else code.field(path)
    if not dimension.values:
        return variable
    listed = code.constant(frozenset(dimension.values))
    return f"({variable} if {variable} is None or {variable} in {listed} else '{OTHER}')"


def requirements(code: FieldCode) -> list[tuple[str, str]]:
    """Return (field, expression that is true while it is missing)."""
    source = code.source
    always = [(n, f"{code.plain(n)} is None") for n, f in source.fields.items() if f.required]
    sometimes = [
        (r.field, f"{code.plain(r.field)} is None and {code.where(r.where, of_items=False)}")
        for r in source.required_when
    ]
    return always + sometimes


# ---------------------------------------------------------------------------------------------------------------- links


def _links(source: Source, around: Compiling) -> tuple[str, dict[str, Any]]:
    """Return the text of the function `links` and its scope."""
    code = FieldCode(source, around.declarations, around.calendar)
    mine = [r for r in around.relations if r.child_source == source.key]
    missing = " or ".join(f"({m})" for _, m in requirements(code)) or "False"
    before = len(code.head)
    found = []
    for relation in mine:
        told = relation.told
        parent, at = code.field(told.parent), code.field(told.at)
        conditions = f"{parent} is not None and {at} is not None and {code.where(told.where, of_items=False)}"
        carried = f"({at}, {', '.join(code.field(f) for f in told.carry)})" if told.carry else at
        found.append(f"(({parent}, {carried}) if {conditions} else None), ")
    nothing = code.constant(tuple(None for _ in mine))
    lines = [
        "def links(entity):",
        f"    if {_GONE}: return {nothing}",
        "    data = entity.data",
        *("    " + line for line in code.head[:before]),
        f"    if {missing}: return {nothing}",
        *("    " + line for line in code.head[before:]),
        f"    return ({''.join(found)})",
    ]
    return "\n".join(lines), code.scope


# -------------------------------------------------------------------------------------------------------- contributions


def _under(conditions: set[str], lines: Sequence[str]) -> Iterator[str]:
    """Yield `lines` under the disjunction of `conditions`; plainly when one of them always holds."""
    if "True" in conditions:
        yield from lines
    else:
        yield f"if {' or '.join(sorted(conditions))}:"
        yield from ("    " + line for line in lines)


def has_children(children: Children) -> bool:
    """Return whether any child still counts."""
    return any(told is not None for found in (children or {}).values() for _, told in found.values())


def _spread_value(cube: Cube) -> Value:
    """Return the value whose own spread is the hidden dimension; it is the same for all measures of such a cube."""
    value = cube.measures[0].value
    assert value is not None  # noqa: S101 (plan_nodes gives such a cube no other)
    return value


class _Contributions:
    def __init__(self, source: Source, cubes: Sequence[Cube], around: Compiling) -> None:
        self.source = source
        self.cubes = cubes
        self.around = around
        self.code = FieldCode(source, around.declarations, around.calendar)
        self.code.scope |= {
            "NOTHING": tuple(() for _ in cubes),
            "bucket": bucket,
            "has_children": has_children,
            "intervals_of": intervals_of,
            "contacts_of": contacts_of,
            "phases_of": phases_of,
        }
        self.spans: dict[str, list[str]] = {}
        """The lines that compute each span, which come after the head."""
        self.sums: dict[str, dict[str, str]] = {}
        """By list: the variables of sums over its items, and the line that adds an item."""
        self.used_when: dict[str, set[str]] = {}
        """The conditions under which a span or a sum is used: it is computed under them only."""

    def lines(self) -> Iterator[str]:
        """Yield the lines of the function `contribute`."""
        missing = list(self._missing())
        needed = len(self.code.head)
        body = [line for index, cube in enumerate(self.cubes[:-1]) for line in self._cube(index, cube)]
        rows = "".join(f"r{i}, " for i in range(len(self.cubes) - 1))
        yield "def contribute(entity, now, entity_id):"
        yield "    nxt = NEVER; notes = (); data = entity.data"
        yield from self._existence(needed, missing)
        yield from ("    " + line for line in self.code.head[needed:])
        yield from ("    " + line for line in self._late())
        yield from ("    " + line for line in body)
        yield f"    return ({rows}notes,), nxt"

    def _existence(self, needed: int, missing: Sequence[str]) -> Iterator[str]:
        """Yield the lines that return early for what is deleted, unknown or incomplete.

        An implied entity goes on without attributes, as long as any child names it.
        """
        fields = ["    " + line for line in self.code.head[:needed]]
        if not self.source.implied:
            yield f"    if {_GONE}: return NOTHING, NEVER"
            yield from fields
            yield from ("    " + line for line in missing)
            return
        yield f"    if {_GONE}: data = BLANK"
        yield "    else:"
        yield from ("    " + line for line in fields)
        yield from ("        " + line for line in missing)
        yield "    if data is BLANK:"
        yield "        if not has_children(entity.children): return (*NOTHING[:-1], notes), NEVER"
        yield from ("    " + line for line in fields)

    def _missing(self) -> Iterator[str]:
        for number, (field, missing) in enumerate(requirements(self.code)):
            notes = self._notes(f"missing_{field}")
            if self.source.implied:
                yield f"{'el' if number else ''}if {missing}: data = BLANK; notes = {self.code.constant(notes)}"
            else:
                constant = self.code.constant((*(() for _ in self.cubes[:-1]), notes))
                yield f"if {missing}: return {constant}, NEVER"

    def _late(self) -> Iterator[str]:
        """Yield the lines of spans and sums, each under the conditions of its use."""
        for name, lines in self.spans.items():
            yield f"{name} = None"
            yield from _under(self.used_when[name], lines)
        for field, adding in self.sums.items():
            yield " = ".join(adding) + " = 0"
            conditions = set().union(*(self.used_when[name] for name in adding))
            yield from _under(
                conditions,
                [f"for item in {self.code.items(field)}:", *("    " + line for line in adding.values())],
            )

    def _notes(self, reason: str) -> tuple[Row, ...]:
        """Return the rows of the incomplete cube that count one for `reason`."""
        return ((self.cubes[-1].combinations[reason,], 1),)

    # ------------------------------------------------------------------------------------------------------ expressions

    def _duration(self, value: DurationValue, where: Where) -> str:
        """Return the variable of a span in whole seconds; None when it has no value."""
        code = self.code
        text = spell(value)
        condition = self.code.where(where, of_items=False)
        name = code.known.get(text)
        if name is None:
            name = code.known[text] = f"s{len(code.known)}"
            starts = [code.field(p) for p in value.starts]
            end = code.field(value.to)
            first = starts[-1]
            for start in reversed(starts[:-1]):
                first = f"({start} if {start} is not None else {first})"
            lines = [
                f"{name} = {first}",
                f"if {name} is not None: {name} = None if {end} is None else ({end} - {name}) // 1000",
                f"if {name} is not None and {name} < 0:",
            ]
            if value.negative == "clamp":
                lines.append(f"    {name} = 0")
            else:
                counted = code.constant(self._notes(f"negative_{value.to}"))
                lines += [f"    {name} = None", f"    if {condition}: notes += {counted}"]
            self.spans[name] = lines
        self.used_when.setdefault(name, set()).add(condition)
        return name

    def _sum_over_list(self, path: str, where: Where) -> str:
        """Return the variable of the sum of a list's amounts over the items that meet the item conditions."""
        items, part = str(list_of(self.source, path)), self.code.item(path)
        condition = self.code.where(where, of_items=True)
        key = f"{path} if {condition}"
        name = self.code.known.get(key)
        if name is None:
            self.code.items(items)
            name = self.code.known[key] = f"a{len(self.code.known)}"
            tests = dict.fromkeys([f"{part} is not None", condition])
            guard = " and ".join(t for t in tests if t != "True")
            self.sums.setdefault(items, {})[name] = f"if {guard}: {name} += {part}"
        self.used_when.setdefault(name, set()).add(self.code.where(where, of_items=False))
        return name

    def _measure(self, cube: Cube, measure: MeasureDef) -> str:
        """Return the expression of one accumulator of a row; `item` is the list item in a fanned-out cube."""
        conditions = [self.code.where(measure.where, of_items=False)]
        if cube.key.fan_out is not None:
            conditions.append(self.code.where(measure.where, of_items=True))
        amount = self._amount(cube, measure, conditions)
        if measure.event is not None:
            conditions.append(self._reached(cube, measure))
        conditions = [c for c in dict.fromkeys(conditions) if c != "True"]
        return f"({amount} if {' and '.join(conditions)} else 0)" if conditions else amount

    def _amount(self, cube: Cube, measure: MeasureDef, conditions: list[str]) -> str:
        """Return what a measure adds while the `conditions` hold, of which it adds some."""
        value, adds = measure.value, measure.agg == "sum"
        if value is None:
            return "1"
        if value.money is not None:
            return self._money(cube, measure, value.money, value.weight, conditions) if adds else "1"
        if value.duration is not None:
            text = self._duration(value.duration, measure.where)
            conditions.append(f"{text} is not None")
        elif value.number is not None:
            text = self._number(value, conditions)
        elif value.age_of is not None:
            text = self.code.field(value.age_of)
            conditions.append(self.code.passed(text))
        elif value.latest is not None:
            text, _ = self.code.number(value.latest)
            there = [self.code.field(path) for path in (value.latest, value.dated or "")]
            conditions += [f"{variable} is not None" for variable in there]
        else:
            conditions.append(f"{self.code.field(value.distinct or '')} is not None")
            text = "1"
        return text if adds else "1"

    def _number(self, value: Value, conditions: list[str]) -> str:
        paths = [path for path in (value.number, value.times) if path is not None]
        numbers = [self.code.number(path) for path in paths]
        conditions += [f"{self.code.field(path)} is not None" for path in paths]
        product = " * ".join(text for text, _ in numbers)
        both_scaled = len(numbers) > 1 and all(scale > 1 for _, scale in numbers)
        return f"round_half_even({product}, {SCALE})" if both_scaled else product

    def _money(self, cube: Cube, measure: MeasureDef, path: str, weight: str | None, conditions: list[str]) -> str:
        if cube.key.fan_out is not None and list_of(self.source, path) is not None:
            amount = self.code.item(path)
            conditions.append(f"{amount} is not None")
            return amount
        of_list = list_of(self.source, path) is not None
        amount = self._sum_over_list(path, measure.where) if of_list else f"({self.code.field(path)} or 0)"
        if weight is None:
            return amount
        chance = self.code.field(weight)
        counted = self.code.constant(self._notes(f"no_{weight}"))
        condition = self.code.where(measure.where, of_items=False)
        self.code.once(f"note {weight}", f"if {chance} is None and {condition}: notes += {counted}")
        conditions.append(f"{chance} is not None")
        return f"round_half_even({amount} * {chance}[0], {chance}[1])"

    def _reached(self, cube: Cube, measure: MeasureDef) -> str:
        """Return the expression that a base entity (or item) has reached the event of a conversion."""
        event, within = measure.event, measure.within_ms
        assert event is not None and cube.key.at is not None  # noqa: PT018, S101 (set together by plan.py)
        if event.duration is not None:
            span = self._duration(event.duration, measure.where)
            return f"{span} is not None and {span} <= {(within or 0) // 1000}"
        path = event.field or ""
        if list_of(self.source, path) is not None:
            return self.code.item(path)
        reached = self.code.field(path)
        if within is None:
            return f"{reached} is not None"
        return f"{reached} is not None and 0 <= {reached} - {self.code.field(cube.key.at)} < {within}"

    # ------------------------------------------------------------------------------------------------------------ cubes

    def _cube(self, index: int, cube: Cube) -> list[str]:
        """Return the lines that set `r<index>`."""
        key = cube.key
        if key.kind == "membership":
            return list(self._members(index, cube))
        values = [self._measure(cube, m) for m in cube.measures]
        currency = self.code.field(self.source.currency or "") if key.hidden == "currency" else ""
        combination = self._combination(cube, currency)
        hidden = self._hidden(cube)
        timed = key.kind in {"timed", "dated"}
        row = ", ".join([*(["t"] if timed else []), combination, *hidden, *(f"v{i}" for i in range(len(values)))])
        fill = self._rows_of_items(index, cube, values, row) if key.fan_out else self._single_row(index, values, row)
        fill = list(_under({self.code.where(m.where, of_items=False) for m in cube.measures}, fill))
        if timed and not (key.fan_out and list_of(self.source, key.at or "")):
            return [f"r{index} = ()", *self._at(self.code.field(key.at or ""), key.kind, key.shift_ms, fill)]
        live = "True" if timed or key.kind == "population" else self._live()  # a label is there as soon as its entity
        return [f"r{index} = ()", f"if {live}:", *("    " + line for line in fill)]

    @staticmethod
    def _at(at: str, kind: str, shift_ms: int, fill: Sequence[str]) -> list[str]:
        """Return the lines that fill in a row at its time `t`; what lies in the future waits."""
        lines = [f"if {at} is not None:", f"    t = {at} + {shift_ms}" if shift_ms else f"    t = {at}"]
        if kind == "dated":  # a date of the future lies in no window yet
            return [*lines, *("    " + line for line in fill)]
        return [
            *lines,
            "    if t < now:",
            *("        " + line for line in fill),
            "    elif t < nxt: nxt = t + 1",
        ]

    def _combination(self, cube: Cube, currency: str, **known: str) -> str:
        """Return the expression of the number of a row's dimension values; `known` gives those of some dimensions."""
        parts = [known.get(d) or _label(self.code, d, cube.key.fan_out) for d in cube.dimensions]
        if cube.key.hidden == "currency":
            parts.append(currency)
        elif cube.key.hidden == "member":
            parts.append(self.code.field(_spread_value(cube).distinct or ""))
        return f"{self.code.constant(cube.combinations)}[({''.join(part + ', ' for part in parts)})]"

    def _live(self) -> str:
        """Return the condition that the entity exists at `now`."""
        field = self.source.exists_from
        if field is None:
            return "True"
        return self.code.passed(self.code.field(field))

    def _hidden(self, cube: Cube) -> list[str]:
        """Return the expression of the hidden number, if the cube has one."""
        if cube.key.hidden in {"none", "currency", "member"}:
            return []
        value = _spread_value(cube)
        if cube.key.hidden == "instant":
            return [self.code.field(value.age_of or "")]
        if cube.key.hidden == "date":
            return [self.code.field(value.dated or "")]
        where = cube.measures[0].where
        number = self._duration(value.duration, where) if value.duration else self._number(value, [])
        return [f"bucket({number})" if cube.key.hidden == "bucket" else number]

    @staticmethod
    def _single_row(index: int, values: Sequence[str], row: str) -> list[str]:
        sets = [f"v{i} = {v}" for i, v in enumerate(values)]
        return [*sets, f"if {' or '.join(f'v{i}' for i in range(len(values)))}: r{index} = (({row}),)"]

    def _rows_of_items(self, index: int, cube: Cube, values: Sequence[str], row: str) -> list[str]:
        key, items = cube.key, str(cube.key.fan_out)
        fill = [
            *(f"v{i} = {v}" for i, v in enumerate(values)),
            f"if {' or '.join(f'v{i}' for i in range(len(values)))}: rows.append(({row}))",
        ]
        if key.kind in {"timed", "dated"} and list_of(self.source, key.at or ""):
            fill = self._at(self.code.item(key.at or ""), key.kind, key.shift_ms, fill)
        return [
            "rows = []",
            f"for item in {self.code.items(items)}:",
            *("    " + line for line in fill),
            f"r{index} = tuple(rows)",
        ]

    # ------------------------------------------------------------------------------------------------------ populations

    def _members(self, index: int, cube: Cube) -> Iterator[str]:
        """Yield the lines that set the rows of a population: one for each window in which the entity counts."""
        population = self.around.declarations.populations[cube.key.spread]
        windows = self.code.constant(MembershipWindows(cube.tokens, self.around.calendar))
        yield f"r{index} = ()"
        yield f"if {self.code.where(population.where, of_items=False)}:"
        if population.amounts is None:
            contacts = f"contacts_of(entity.children, {population.contacted!r})" if population.contacted else "None"
            yield f"    found, nxt = {windows}.counts({self._intervals(population)}, {contacts}, now, nxt)"
        else:
            phases, by_part = self._phases(population, cube)
            yield f"    found, nxt = {windows}.weights({phases}, now, nxt, by_part={by_part})"
        ends = {"start": "w.start", "end": "w.end", "kept": "min(w.start, w.end)", "count": "w.phases"}
        of_items = {d: "w.part" for d in cube.dimensions if d != WINDOW and self._is_part(cube, d)}
        combination = self._combination(cube, "w.currency", **{WINDOW: "w.token"}, **of_items)
        row = ", ".join([combination, *(ends[m.agg] for m in cube.measures)])
        yield f"    r{index} = tuple([({row}) for w in found])"

    def _is_part(self, cube: Cube, dimension: str) -> bool:
        return list_of(self.source, dimension_path(self.source, dimension, cube.key.fan_out)) is not None

    def _intervals(self, population: Population) -> str:
        own = "".join(
            f"({self.code.field(i.from_)}, {self.code.field(i.to) if i.to else 'None'}), "
            for i in population.intervals
            if i.from_ is not None
        )
        rules = [
            (i.over, None if i.ends is None else position_of(self.source, f"{i.over[0]}.{i.ends}"), i.for_)
            for i in population.intervals
            if i.over
        ]
        until = self.code.field(population.until) if population.until else "None"
        return f"intervals_of(({own}), entity.children, {self.code.constant(rules)}, {until})"

    def _phases(self, population: Population, cube: Cube) -> tuple[str, bool]:
        path = population.amounts or ""
        relation = path.partition(".")[0]
        parts = [
            dimension_path(self.source, d, None) for d in cube.dimensions if d != WINDOW and self._is_part(cube, d)
        ]
        part = position_of(self.source, parts[0]) if parts else None
        return f"phases_of(entity.children, {relation!r}, {position_of(self.source, path)}, {part})", bool(parts)
