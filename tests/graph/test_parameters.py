"""Parameters travel in one map: what comes back is what was given, and what is no parameter stays as it is."""

from __future__ import annotations

import pytest

from graph_crm.errors import StatementFailed
from graph_crm.graph.database import Database
from graph_crm.graph.parameters import as_sent

pytestmark = pytest.mark.lts

VALUES = ([None], [1, "a", ["b", 2, None]], [True, [], "", -(2**63)], ["it's $p0", ["`$p1`"]], [1.5, {"a": [1]}])


@pytest.mark.parametrize("values", VALUES)
async def test_every_kind_of_value_comes_back_as_it_was_given(database: Database, values: list[object]):
    parameters = {f"p{place}": value for place, value in enumerate(values)}
    (row,) = await database.read(f"RETURN [{', '.join(f'${name}' for name in parameters)}] AS values", parameters)
    assert row["values"] == values


async def test_a_dollar_sign_in_a_text_a_name_or_a_comment_is_no_parameter(database: Database):
    statement = "WITH {`$a`: 'costs \\'$a', b: \"$b\"} AS m // $c\n/* $d */ RETURN m.`$a` AS a, m.b AS b, $e AS e"
    (row,) = await database.read(statement, {"e": 5})
    assert list(row) == ["costs '$a", "$b", 5]


async def test_a_parameter_that_is_missing_is_an_error_and_not_null(database: Database):
    with pytest.raises(StatementFailed):
        await database.read("RETURN $here AS here, $missing AS missing", {"here": 1})


async def test_wherever_a_parameter_may_stand_a_value_of_the_map_may(database: Database):
    statement = "UNWIND $list AS x WITH x ORDER BY x SKIP $skip LIMIT $limit RETURN collect(x) AS found"
    (row,) = await database.read(statement, {"list": [3, 1, 2, 5], "skip": 1, "limit": 2})
    assert row["found"] == [2, 3]


def test_a_statement_without_parameters_is_sent_as_it_is():
    assert as_sent("RETURN '$a' AS a, $b AS b", None) == ("RETURN '$a' AS a, $b AS b", None)
