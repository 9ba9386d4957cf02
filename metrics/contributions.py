"""Contributions: what one entity adds to each cube as of T, compiled from the declarations to a function a source.

`contribute(entity, now)` returns the rows of every cube and the instant from which they would be others by themselves.
A row is ``(time ms, combination, hidden number, measures...)``: the combination is the number of the row's dimension
values (and currency), the hidden number a bucket or an instant; stocks have no time, most cubes no hidden number. The
text is generated, as dataclasses and attrs do, because interpreting the YAML for each event costs several times the
work itself. All names in it come from declarations that the loader has validated.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from config.declarations import Condition, Declarations, Dimension, DurationValue, LeastOverChildren, Source, Where
from metrics.cubes import Cube, MeasureDef, spell
from metrics.entities import Child
from metrics.histogram import bucket

NEVER = 2**62
_RATIOS = 10_000
OTHER = "other"

Row = tuple[Any, ...]
Rows = tuple[tuple[Row, ...], ...]
"""The rows of each cube, by the cube's position."""


Links = tuple[tuple[str, int] | None, ...]
"""(parent id, instant) for each relation the source is a child in; None when there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A parent's derived field and what its children send for it."""

    name: str
    parent_source: str
    child_source: str
    over: LeastOverChildren


@dataclass(frozen=True, slots=True)
class SourceCode:
    """The compiled functions of one source."""

    contribute: Callable[[Any, int], tuple[Rows, int]]
    links: Callable[[Any], Links]
    """For each relation the source is a child in: (parent id, instant), or None when there is nothing to send."""
    nothing: Rows
    """The rows of an entity that contributes nothing."""
    text: str


def relations(declarations: Declarations) -> tuple[Relation, ...]:
    """Return every relation that the sources declare."""
    return tuple(
        Relation(f"{source.key}.{name}", source.key, derived.least_over_children.over, derived.least_over_children)
        for source in declarations.sources.values()
        for name, derived in source.derived.items()
        if derived.least_over_children is not None
    )


def dimension_of(source: Source, name: str) -> Dimension:
    """Return the declared dimension of a source."""
    declared = source.dimensions[name]
    return Dimension(field=declared) if isinstance(declared, str) else declared


def fan_out_of(source: Source, grain: Sequence[str]) -> str | None:
    """Return the list field that a grain spreads over, if any."""
    lists = {f.partition(".")[0] for f in (dimension_of(source, d).field for d in grain) if "." in f}
    return lists.pop() if lists else None


def least(
    children: Mapping[str, Mapping[str, Child]] | None, relation: str, not_before: int, now: int, change: int
) -> tuple[int | None, int]:
    """Return the least carried instant in [not_before, now), and when that may change, at the latest at `change`."""
    best: int | None = None
    if children:
        for _, instant in children.get(relation, {}).values():
            if instant is None or instant < not_before:
                continue
            if instant >= now:
                change = min(change, instant + 1)
            elif best is None or instant < best:
                best = instant
    return best, change


def round_half_even(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded half-even; the denominator is positive."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient & 1))


def compile_source(
    source: Source, cubes: Sequence[Cube], all_relations: Sequence[Relation], declarations: Declarations
) -> SourceCode:
    """Compile the contributions and links of `source`; its incomplete cube is the last of `cubes`."""
    return _Compiler(source, cubes, all_relations, declarations).build()


def compile_complete(source: Source, declarations: Declarations) -> Callable[[Any], bool]:
    """Compile whether the fields of a record of `source` hold all that it must have."""
    compiler = _Compiler(source, (), (), declarations)
    missing = " or ".join(f"({m})" for _, m in compiler.requirements()) or "False"
    complete: Callable[[Any], bool] = eval(f"lambda data: not ({missing})", compiler.scope)  # noqa: S307 (as compile_source)
    return complete


class _Ratios(dict[str | float, tuple[int, int]]):
    """Decimals as exact fractions, by their value as decoded; there are few different ones."""

    def __missing__(self, value: str | float) -> tuple[int, int]:
        if len(self) >= _RATIOS:
            self.clear()
        ratio = self[value] = Decimal(str(value)).as_integer_ratio()
        return ratio


def _under(conditions: set[str], lines: Sequence[str]) -> Iterator[str]:
    """Yield `lines` under the disjunction of `conditions`; plainly when one of them always holds."""
    if "True" in conditions:
        yield from lines
    else:
        yield f"if {' or '.join(sorted(conditions))}:"
        yield from ("    " + line for line in lines)


class _Compiler:
    def __init__(
        self, source: Source, cubes: Sequence[Cube], all_relations: Sequence[Relation], declarations: Declarations
    ) -> None:
        self.source = source
        self.cubes = cubes
        self.parents = [r for r in all_relations if r.child_source == source.key]
        self.relations = {r.name: r for r in all_relations if r.parent_source == source.key}
        self.scope: dict[str, Any] = {
            "NEVER": NEVER,
            "NOTHING": tuple(() for _ in cubes),
            "bucket": bucket,
            "RATIOS": _Ratios(),
            "least": least,
            "round_half_even": round_half_even,
            "STAGES": {
                (pipeline, stage): s.chance.as_integer_ratio()
                for pipeline, stages in declarations.pipelines.items()
                for stage, s in stages.items()
            },
        }
        self.head: list[str] = []
        """The lines that define fields, derived fields and conditions."""
        self.known: dict[str, str] = {}
        self.spans: dict[str, list[str]] = {}
        """The lines that compute each span, which come after the head."""
        self.sums: dict[str, dict[str, str]] = {}
        """By list field: the variables of sums over its items, and the line that adds an item."""
        self.used_when: dict[str, set[str]] = {}
        """The conditions under which a span or a sum is used: it is computed under them only."""

    def build(self) -> SourceCode:
        body: list[str] = []
        for index, cube in enumerate(self.cubes[:-1]):
            body += self._cube(index, cube)
        rows = "".join(f"r{i}, " for i in range(len(self.cubes) - 1))
        text = "\n".join(
            [
                "def contribute(entity, now):",
                "    if entity.deleted or (entity.key[0] < 0 and not entity.overrides): return NOTHING, NEVER",
                "    data = entity.data; nxt = NEVER; notes = ()",
                *self._missing(),
                *("    " + line for line in self.head),
                *("    " + line for line in self._late()),
                *("    " + line for line in body),
                f"    return ({rows}notes), nxt",
                "",
                *self._links(),
            ]
        )
        exec(compile(text, f"<contributions of {self.source.key}>", "exec"), self.scope)  # noqa: S102 (see the module's first lines)
        return SourceCode(self.scope["contribute"], self.scope["links"], self.scope["NOTHING"], text)

    def _late(self) -> Iterator[str]:
        """Yield the lines of spans and sums, each under the conditions of its use."""
        for name, lines in self.spans.items():
            yield f"{name} = None"
            yield from _under(self.used_when[name], lines)
        for field, adding in self.sums.items():
            yield " = ".join(adding) + " = 0"
            conditions = set().union(*(self.used_when[name] for name in adding))
            yield from _under(
                conditions, [f"for item in data.{field} or ():", *("    " + line for line in adding.values())]
            )

    # ----------------------------------------------------------------------------------------------------- completeness

    def requirements(self) -> list[tuple[str, str]]:
        """Return (field, expression that is true while it is missing)."""
        always = [(n, f"data.{n} is None") for n, f in self.source.fields.items() if f.required]
        sometimes = [
            (r.field, f"data.{r.field} is None and {self._plain_where(r.where)}") for r in self.source.required_when
        ]
        return always + sometimes

    def _missing(self) -> list[str]:
        lines = []
        for field, missing in self.requirements():
            constant = self._constant((*(() for _ in self.cubes[:-1]), self._notes(f"missing_{field}")))
            lines.append(f"    if {missing}: return {constant}, NEVER")
        return lines

    def _links(self) -> list[str]:
        found = []
        for relation in self.parents:
            parent, instant = f"data.{relation.over.parent}", f"data.{relation.over.least}"
            conditions = f"{parent} is not None and {instant} is not None and {self._plain_where(relation.over.where)}"
            found.append(f"(({parent}, {instant}) if {conditions} else None)")
        nothing = self._constant(tuple(None for _ in self.parents))
        missing = " or ".join(f"({m})" for _, m in self.requirements()) or "False"
        return [
            "def links(entity):",
            f"    if entity.deleted or (entity.key[0] < 0 and not entity.overrides): return {nothing}",
            "    data = entity.data",
            f"    if {missing}: return {nothing}",
            f"    return ({''.join(f + ', ' for f in found)})",
        ]

    def _plain_where(self, where: Where) -> str:
        """Return a condition over raw fields of `data`."""
        parts = [self._test(f"data.{path}", condition) for path, condition in where.items()]
        return "(" + (" and ".join(parts) or "True") + ")"

    def _notes(self, reason: str) -> tuple[Row, ...]:
        """Return the rows of the incomplete cube that count one for `reason`."""
        return ((self.cubes[-1].combinations[reason,], 1),)

    def _constant(self, value: object) -> str:
        name = f"K{len(self.scope)}"
        self.scope[name] = value
        return name

    # ------------------------------------------------------------------------------------------------------ expressions

    def _once(self, name: str, *lines: str) -> str:
        """Put `lines`, which define `name`, at the head of the function, once."""
        if name not in self.known:
            self.known[name] = name
            self.head += lines
        return name

    def _field(self, path: str) -> str:
        """Return the local variable that holds a field or a derived field."""
        derived = self.source.derived.get(path)
        if derived is None:
            name = f"f_{path}"
            default = self.source.fields[path].default
            otherwise = "" if default is None else f"; {name} = {default!r} if {name} is None else {name}"
            return self._once(name, f"{name} = data.{path}{otherwise}")
        name = f"d_{path}"
        if name in self.known:
            return name
        if derived.least_over_children is not None:
            bound = derived.least_over_children.not_before
            floor = f"{self._field(bound.field)} - {bound.minus}" if bound else "-NEVER"
            return self._once(
                name, f"{name}, nxt = least(entity.children, '{self.source.key}.{path}', {floor}, now, nxt)"
            )
        spec = derived.stage_probability
        assert spec is not None  # noqa: S101 (DerivedField holds exactly one of the two)
        own = f"data.{spec.own}"
        stage = f"STAGES.get(({self._field(spec.pipeline)}, {self._field(spec.stage)}))"
        return self._once(name, f"{name} = {stage} if {own} is None else RATIOS[{own}]")

    def _test(self, variable: str, condition: object) -> str:
        if not isinstance(condition, Condition):
            return f"{variable} == {condition!r}"
        parts = []
        if condition.in_ is not None:
            parts.append(f"{variable} in {self._constant(frozenset(condition.in_))}")
        if condition.not_ is not None:
            parts.append(f"{variable} != {condition.not_!r}")
        for operator, bound in ((">", condition.gt), (">=", condition.gte), ("<", condition.lt), ("<=", condition.lte)):
            if bound is not None:
                parts.append(f"{variable} is not None and {variable} {operator} {bound}")
        if condition.exists is not None:
            parts.append(f"{variable} is {'not ' if condition.exists else ''}None")
        return " and ".join(parts)

    def _where(self, where: Where, *, item: bool) -> str:
        """Return the variable of a condition over the entity, or the expression over one list item."""
        chosen = {p: c for p, c in where.items() if ("." in p) == item}
        if item:
            return " and ".join(self._test(f"item.{p.partition('.')[2]}", c) for p, c in chosen.items()) or "True"
        if not chosen:
            return "True"
        text = " and ".join(self._test(self._field(p), c) for p, c in chosen.items())
        name = self.known.get(f"where {text}")
        if name is None:
            name = self.known[f"where {text}"] = f"w{len(self.known)}"
            self.head.append(f"{name} = {text}")
        return name

    def _duration(self, value: DurationValue, where: Where) -> str:
        """Return the variable of a span in whole seconds; None when it has no value."""
        text = spell(value)
        condition = self._where(where, item=False)
        name = self.known.get(text)
        if name is None:
            name = self.known[text] = f"s{len(self.known)}"
            starts = [self._field(p) for p in value.starts]
            end = self._field(value.to)
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
                counted = self._constant(self._notes(f"negative_{value.to}"))
                lines += [f"    {name} = None", f"    if {condition}: notes += {counted}"]
            self.spans[name] = lines
        self.used_when.setdefault(name, set()).add(condition)
        return name

    def _sum_over_list(self, path: str, where: Where) -> str:
        """Return the variable of the sum of a list field's amounts over the items that meet the item conditions."""
        field, _, part = path.partition(".")
        condition = self._where(where, item=True)
        key = f"{path} if {condition}"
        name = self.known.get(key)
        if name is None:
            name = self.known[key] = f"a{len(self.known)}"
            tests = dict.fromkeys([f"item.{part} is not None", condition])
            guard = " and ".join(t for t in tests if t != "True")
            self.sums.setdefault(field, {})[name] = f"if {guard}: {name} += item.{part}"
        self.used_when.setdefault(name, set()).add(self._where(where, item=False))
        return name

    def _measure(self, cube: Cube, measure: MeasureDef) -> str:
        """Return the expression of one accumulator of a row; `item` is the list item in a fanned-out cube."""
        conditions = [self._where(measure.where, item=False)]
        if cube.key.fan_out is not None:
            conditions.append(self._where(measure.where, item=True))
        amount = "1"
        value = measure.value
        if value is not None and value.duration is not None:
            span = self._duration(value.duration, measure.where)
            conditions.append(f"{span} is not None")
            amount = span if measure.agg == "sum" else "1"
        elif value is not None and value.number is not None:
            amount = self._field(value.number)
            conditions.append(f"{amount} is not None")
        elif value is not None and value.money is not None and measure.agg == "sum":
            amount = self._money(cube, measure, value.money, value.weight, conditions)
        if measure.event is not None:
            conditions.append(self._reached(cube, measure))
        conditions = [c for c in dict.fromkeys(conditions) if c != "True"]
        return f"({amount} if {' and '.join(conditions)} else 0)" if conditions else amount

    def _money(self, cube: Cube, measure: MeasureDef, path: str, weight: str | None, conditions: list[str]) -> str:
        if cube.key.fan_out is not None:
            part = path.partition(".")[2]
            conditions.append(f"item.{part} is not None")
            return f"item.{part}"
        amount = self._sum_over_list(path, measure.where) if "." in path else f"({self._field(path)} or 0)"
        if weight is None:
            return amount
        chance = self._field(weight)
        counted = self._constant(self._notes(f"no_{weight}"))
        self._once(
            f"note {weight}", f"if {chance} is None and {self._where(measure.where, item=False)}: notes += {counted}"
        )
        conditions.append(f"{chance} is not None")
        return f"round_half_even({amount} * {chance}[0], {chance}[1])"

    def _reached(self, cube: Cube, measure: MeasureDef) -> str:
        event, within = measure.event, measure.within_ms
        assert event is not None and within is not None and cube.key.at is not None  # noqa: PT018, S101 (set together by plan.py)
        if event.duration is not None:
            span = self._duration(event.duration, measure.where)
            return f"{span} is not None and {span} <= {within // 1000}"
        reached, base = self._field(event.field or ""), self._field(cube.key.at)
        return f"{reached} is not None and 0 <= {reached} - {base} < {within}"

    # ------------------------------------------------------------------------------------------------------------ cubes

    def _cube(self, index: int, cube: Cube) -> list[str]:
        """Return the lines that set `r<index>`."""
        key = cube.key
        values = [self._measure(cube, m) for m in cube.measures]
        hidden = self._hidden(cube)
        currency = [self._field(self.source.currency or "")] if key.hidden == "currency" else []
        dims = "".join(f"{part}, " for part in [*(self._dimension(d) for d in cube.dimensions), *currency])
        parts = (["t"] if key.kind == "timed" else []) + [f"{self._constant(cube.combinations)}[({dims})]"]
        parts += [hidden] if hidden else []
        row = ", ".join([*parts, *(f"v{i}" for i in range(len(values)))])
        fill = (
            self._rows_of_items(index, key.fan_out, values, row)
            if key.fan_out
            else self._single_row(index, values, row)
        )
        fill = list(_under({self._where(m.where, item=False) for m in cube.measures}, fill))
        if key.kind == "timed":
            at = self._field(key.at or "")
            return [
                f"r{index} = ()",
                f"if {at} is not None:",
                f"    t = {at} + {key.shift_ms}" if key.shift_ms else f"    t = {at}",
                "    if t < now:",
                *("        " + line for line in fill),
                "    elif t < nxt: nxt = t + 1",
            ]
        live = "True" if key.kind == "population" else self._live()  # a label value is there as soon as its entity is
        return [f"r{index} = ()", f"if {live}:", *("    " + line for line in fill)]

    def _live(self) -> str:
        """Return the condition that the entity exists at `now`."""
        field = self.source.exists_from
        if field is None:
            return "True"
        at = self._field(field)
        return self._once(
            "live",
            f"live = {at} is not None and {at} < now",
            f"if not live and {at} is not None and {at} < nxt: nxt = {at} + 1",
        )

    def _hidden(self, cube: Cube) -> str:
        match cube.key.hidden:
            case "bucket":
                value = cube.measures[0].value
                assert value is not None and value.duration is not None  # noqa: PT018, S101 (set together by plan.py)
                return f"bucket({self._duration(value.duration, cube.measures[0].where)})"
            case "instant":
                value = cube.measures[0].value
                return self._field((value.age_of if value else None) or "")
            case _:
                return ""

    def _dimension(self, name: str) -> str:
        dimension = dimension_of(self.source, name)
        variable = (
            f"item.{dimension.field.partition('.')[2]}" if "." in dimension.field else self._field(dimension.field)
        )
        if not dimension.values:
            return variable
        listed = self._constant(frozenset(dimension.values))
        return f"({variable} if {variable} is None or {variable} in {listed} else '{OTHER}')"

    @staticmethod
    def _single_row(index: int, values: Sequence[str], row: str) -> list[str]:
        sets = [f"v{i} = {v}" for i, v in enumerate(values)]
        return [*sets, f"if {' or '.join(f'v{i}' for i in range(len(values)))}: r{index} = (({row}),)"]

    @staticmethod
    def _rows_of_items(index: int, fan_out: str, values: Sequence[str], row: str) -> list[str]:
        sets = [f"    v{i} = {v}" for i, v in enumerate(values)]
        return [
            "rows = []",
            f"for item in data.{fan_out} or ():",
            *sets,
            f"    if {' or '.join(f'v{i}' for i in range(len(values)))}: rows.append(({row}))",
            f"r{index} = tuple(rows)",
        ]
