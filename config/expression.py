"""The arithmetic of derived KPIs: what may stand in an `expr`."""

import ast
from collections.abc import Iterator

FUNCTIONS = {"min", "max", "abs"}
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_DEEPEST = 100
_GREATEST = 1e18
_RULE = "use aliases, numbers, + - * / ( ), min, max and abs"


def aliases(expr: str) -> set[str]:
    """Return the names that `expr` uses as aliases.

    Raises:
        ValueError: `expr` is not plain arithmetic.
    """
    try:
        tree = ast.parse(expr.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"`{expr}` is not arithmetic; {_RULE}") from None
    if _is_deeper(tree.body, _DEEPEST):
        raise ValueError(f"`{expr}` is not arithmetic that people read: more than {_DEEPEST} steps in each other")
    return set(_names(tree.body, expr))


def _is_deeper(node: ast.expr, levels: int) -> bool:
    """Whether an expression has more levels than so many: it is compiled and computed level by level."""
    level: list[ast.AST] = [node]
    while level and levels >= 0:
        level = [inner for outer in level for inner in ast.iter_child_nodes(outer)]
        levels -= 1
    return bool(level)


def _names(node: ast.expr, expr: str) -> Iterator[str]:
    match node:
        case ast.Name(id=name) if name not in FUNCTIONS:
            yield name
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            if number > _GREATEST:
                raise ValueError(f"a number in `{expr}` is greater than any KPI; write one up to {_GREATEST:.0e}")
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            yield from _names(operand, expr)
        case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, _OPERATORS):
            yield from _names(left, expr)
            yield from _names(right, expr)
        case ast.Call(func=ast.Name(id=function), args=args, keywords=[]) if function in FUNCTIONS:
            yield from _arguments(function, args, expr)
        case _:
            raise ValueError(f"`{ast.get_source_segment(expr.strip(), node)}` is not allowed in `{expr}`; {_RULE}")


def _arguments(function: str, args: list[ast.expr], expr: str) -> Iterator[str]:
    if function == "abs" and len(args) != 1:
        raise ValueError(f"`abs` takes one argument, not {len(args)}, in `{expr}`; write abs(a)")
    if function != "abs" and len(args) < 2:  # noqa: PLR2004 - the least of one is itself
        raise ValueError(
            f"`{function}` takes two arguments or more, not {len(args)}, in `{expr}`; write {function}(a, b)"
        )
    for arg in args:
        yield from _names(arg, expr)
