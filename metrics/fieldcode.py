"""Generated code for fields, derived fields and conditions: the common part of the functions of `contributions`.

Each field is put into a local variable once, at the head of the function. All names come from declarations that the
loader has validated.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from config.declarations import Condition, Declarations, DerivedField, Scalar, Source, Where
from metrics.calendar import BusinessCalendar, period_start
from metrics.derived import (
    NEVER,
    SCALE,
    Ratios,
    Scaled,
    carried,
    compares,
    first_over,
    least,
    per_month,
    round_half_even,
    stage_exits,
)
from metrics.relations import attribute, list_of, one_word, position_of


class FieldCode:
    """The lines that define the fields, derived fields and conditions that a function uses."""

    def __init__(self, source: Source, declarations: Declarations, calendar: BusinessCalendar) -> None:
        """Begin with nothing defined."""
        self.source = source
        self.head: list[str] = []
        """The lines that define the variables, in an order in which they can be run."""
        self.known: dict[str, str] = {}
        """The variables by what they hold."""
        self.scope: dict[str, Any] = {
            "NEVER": NEVER,
            "RATIOS": Ratios(),
            "SCALED": Scaled(),
            "carried": carried,
            "least": least,
            "first_over": first_over,
            "stage_exits": stage_exits,
            "per_month": per_month,
            "compares": compares,
            "round_half_even": round_half_even,
            "day_of": calendar.day_of,
            "day_start": calendar.day_start,
            "period_start": period_start,
            "ORDERS": {
                name: {s: x.order for s, x in stages.items()} for name, stages in declarations.pipelines.items()
            },
            "STAGES": {
                (pipeline, stage): s.chance.as_integer_ratio()
                for pipeline, stages in declarations.pipelines.items()
                for stage, s in stages.items()
            },
        }

    def constant(self, value: object) -> str:
        """Return the name under which the generated code finds `value`."""
        name = f"K{len(self.scope)}"
        self.scope[name] = value
        return name

    def once(self, name: str, *lines: str) -> str:
        """Put `lines`, which define `name`, at the head of the function, once."""
        if name not in self.known:
            self.known[name] = name
            self.head += lines
        return name

    # ----------------------------------------------------------------------------------------------------------- fields

    def field(self, path: str) -> str:
        """Return the local variable that holds a field or a derived field of the entity."""
        derived = self.source.derived.get(path)
        if derived is not None:
            name = f"d_{path}"
            return name if name in self.known else self.once(name, *self._derived(name, derived))
        return self.plain(path)

    def plain(self, path: str) -> str:
        """Return the local variable that holds a field as the events gave it."""
        name = f"f_{one_word(path)}"
        head, dot, part = path.partition(".")
        if dot:
            whole = self.plain(head)
            return self.once(name, f"{name} = None if {whole} is None else {whole}.{attribute(part)}")
        default = self.source.fields[path].default
        otherwise = "" if default is None else f"; {name} = {default!r} if {name} is None else {name}"
        return self.once(name, f"{name} = data.{attribute(path)}{otherwise}")

    def items(self, name: str) -> str:
        """Return the expression of a list of the entity: a list field, a derived list, or what its children told."""
        if name in self.source.children:
            return f"[told for _, told in carried(entity.children, {name!r})]"
        return self.field(name) if name in self.source.derived else f"({self.plain(name)} or ())"

    def item(self, path: str) -> str:
        """Return the expression of a part of one `item` of a list."""
        items, _, part = path.partition(".")
        if items in self.source.children:
            return f"item[{position_of(self.source, path)}]"
        return f"item.{attribute(part)}"

    def number(self, path: str) -> tuple[str, int]:
        """Return the expression of a number in whole units, while it is there, and how many units make 1."""
        variable = self.field(path)
        return (f"SCALED[{variable}]", SCALE) if is_decimal(self.source, path) else (variable, 1)

    def _derived(self, name: str, derived: DerivedField) -> Iterator[str]:
        """Yield the lines that define a derived field (each kind is explained at its declaration)."""
        own = self._own
        if derived.least is not None:
            bound = derived.least.not_before
            floor = f"{self.field(bound.field)} - {bound.minus}" if bound else "-NEVER"
            fields = "".join(f"{own(name, path)}, " for path in derived.least.own)
            yield f"{name}, nxt = least(entity.children, {derived.least.over!r}, ({fields}), {floor}, now, nxt)"
        elif derived.first is not None:
            over, take = derived.first.over, derived.first.take
            position = position_of(self.source, f"{over}.{take}")
            call = f"{name}, nxt = first_over(entity.children, {over!r}, {position}, now, nxt)"
            if derived.first.own is not None:
                yield f"{name} = {own(name, derived.first.own)}"
                yield f"if {name} is None: {call}"
            else:
                yield call
        elif derived.stage_probability is not None:
            spec = derived.stage_probability
            chance, stage = own(name, spec.own), f"({self.field(spec.pipeline)}, {self.field(spec.stage)})"
            yield f"{name} = STAGES.get({stage}) if {chance} is None else RATIOS[{chance}]"
        else:
            yield f"{name} = {self._static(name, derived)}"

    def _static(self, name: str, derived: DerivedField) -> str:
        """Return the expression of a derived field that depends on the entity's own fields alone."""
        field = self.field
        if derived.coalesce is not None:
            *rest, text = [self._own(name, path) for path in derived.coalesce]
            for variable in reversed(rest):
                text = f"{variable} if {variable} is not None else {text}"
            return text
        if derived.earliest is not None:
            items, _, part = derived.earliest.partition(".")
            return f"min([i.{attribute(part)} for i in {self.items(items)}], default=None)"
        if derived.entry is not None:
            times, key = field(derived.entry.times), field(derived.entry.key)
            return f"None if {times} is None else {times}.get({key})"
        if derived.stage_exits is not None:
            spec = derived.stage_exits
            order = f"ORDERS.get({field(spec.pipeline)})"
            return f"stage_exits({field(spec.entered)}, {order}, {field(spec.status)}, {field(spec.closed_at)})"
        if derived.per_month is not None:
            ended = derived.per_month.ended_at
            return f"per_month({field(derived.per_month.phases)}, {'None' if ended is None else field(ended)})"
        return self._of_dates(derived)

    def _of_dates(self, derived: DerivedField) -> str:
        if derived.local_date is not None:
            at = self.field(derived.local_date)
            return f"None if {at} is None else day_of({at})"
        if derived.instant_of is not None:
            day = self.field(derived.instant_of.date)
            first = f"{day} + 1" if derived.instant_of.edge == "day_end" else f"period_start('quarter', {day})"
            return f"None if {day} is None else day_start({first})"
        spec = derived.compare
        assert spec is not None  # noqa: S101 (DerivedField holds exactly one way)
        numerator, denominator = Decimal(spec.times).as_integer_ratio()
        (left, of_left), (right, of_right) = self._compared(spec.left), self._compared(spec.right)
        scales = f"{numerator * of_left}, {denominator * of_right}"
        return f"compares({left}, {right}, {scales}, at_least={spec.op == '>='})"

    def _compared(self, path: str) -> tuple[str, int]:
        """Return a number or a date that may not be there, and how many units make 1."""
        text, scale = self.number(path)
        return (text if scale == 1 else f"(None if {self.field(path)} is None else {text})"), scale

    def _own(self, name: str, path: str) -> str:
        """Return the entity's own field, also where the derived field that is made of it has its name."""
        return self.plain(path) if f"d_{path}" == name else self.field(path)

    # ------------------------------------------------------------------------------------------------------- conditions

    def test(self, variable: str, condition: Scalar | Condition) -> str:
        """Return the expression that a variable meets a condition."""
        if not isinstance(condition, Condition):
            return f"{variable} == {condition!r}"
        parts = []
        if condition.in_ is not None:
            parts.append(f"{variable} in {self.constant(frozenset(condition.in_))}")
        if condition.not_ is not None:
            parts.append(f"{variable} != {condition.not_!r}")
        for operator, bound in ((">", condition.gt), (">=", condition.gte), ("<", condition.lt), ("<=", condition.lte)):
            if bound is not None:
                parts.append(f"{variable} is not None and {variable} {operator} {bound}")
        if condition.exists is not None:
            parts.append(f"{variable} is {'not ' if condition.exists else ''}None")
        if condition.passed is not None:
            parts.append(f"{'' if condition.passed else 'not '}{self.passed(variable)}")
        return " and ".join(parts)

    def passed(self, variable: str) -> str:
        """Return the variable that says whether an instant lies before T; its passing is a change."""
        return self.once(
            f"passed_{variable}",
            f"passed_{variable} = {variable} is not None and {variable} < now",
            f"if {variable} is not None and now <= {variable} < nxt - 1: nxt = {variable} + 1",
        )

    def where(self, where: Where, *, of_items: bool) -> str:
        """Return the variable of a condition over the entity, or the expression over one `item` of a list."""
        chosen = {p: c for p, c in where.items() if (list_of(self.source, p) is not None) == of_items}
        if of_items:
            return " and ".join(self.test(self.item(p), c) for p, c in chosen.items()) or "True"
        if not chosen:
            return "True"
        text = " and ".join(self.test(self.field(p), c) for p, c in chosen.items())
        name = self.known.get(f"where {text}")
        if name is None:
            name = self.known[f"where {text}"] = f"w{len(self.known)}"
            self.head.append(f"{name} = {text}")
        return name


def is_decimal(source: Source, path: str) -> bool:
    """Return whether a path names a plain decimal field."""
    head, dot, part = path.partition(".")
    if path in source.derived or head not in source.fields:
        return False
    field = source.fields[head]
    return (field.fields[part] if dot else field).type == "decimal"
