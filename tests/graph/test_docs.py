"""What docs/graph.md says is what happens."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "graph.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def said(block: str, statement: ast.stmt) -> str | None:
    """The comment at the end of an expression or of an assignment of a text."""
    line = block.splitlines()[statement.end_lineno - 1]
    comment = line[statement.end_col_offset :].strip()
    return comment.removeprefix("# ") if comment.startswith("# ") else None


def test_every_answer_on_the_page_is_true():
    names: dict[str, object] = {}
    answers = []
    for block in BLOCKS:
        for statement in ast.parse(block).body:
            comment = said(block, statement)
            if isinstance(statement, ast.Expr) and comment is not None:
                value = eval(ast.unparse(statement), names)
                answers.append((repr(value), comment))
            else:
                exec(ast.unparse(statement), names)
                if comment is not None and comment.startswith('"'):
                    answers.append((repr(names["text"]), comment))

    assert len(answers) >= 17
    assert [found for found, _ in answers] == [expected for _, expected in answers]


def test_ten_questions_have_answers():
    assert len(re.findall(r"^## \d+\. .*\?$", PAGE, re.MULTILINE)) == 10
