"""The languages of templates: expr with Argo's functions, and govaluate's conditions."""

import contextlib
import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workflows.engine.expressions import ExpressionInvalid, evaluate, holds, names_in, text_of, truth
from workflows.engine.templating import fill, fill_text

NAMES = {
    "inputs.parameters.x": "5",
    "inputs.parameters": "a list, hidden by the names below it",
    "inputs.parameters.list": '[{"pokemon":"pikachu","level":3}]',
    "steps.a-b.outputs.result": "[1,2]",
    "retries": "2",
}
VALUES = [
    ("asInt(inputs.parameters.x) + 1", 6),
    ("asFloat('1.5') * 2", 3.0),
    ("steps['a-b'].outputs.result", "[1,2]"),
    ("inputs.parameters['x'] startsWith '5'", True),
    ("inputs.parameters.x == 5", False),
    ("inputs.parameters.none == nil", True),
    ("inputs.parameters.none?.deeper ?? 'd'", "d"),
    ("jsonpath(steps['a-b'].outputs.result, '$[1]')", 2),
    ("jsonpath(inputs.parameters.list, '$[0].pokemon')", "pikachu"),
    ("jsonpath(inputs.parameters.list, '$..level')", [3]),
    ("jsonpath(inputs.parameters.list, '$[?(@.level > 2)].pokemon')", ["pikachu"]),
    ("map([1, 2, 3], # * 2)", [2, 4, 6]),
    ("map([1, 2], {# + #index})", [1, 3]),
    ("filter(1..5, # > 2) | map(string(#)) | join(',')", "3,4,5"),
    ("all([{a: 1}], .a == 1) && any([1], # == 1) and none([1], # == 2) and one([1, 2], # == 2)", True),
    ("count([1, 2, 3], # > 1)", 2),
    ("sum([1, 2.5]) + reduce([1, 2, 3], #acc + #, 10)", 19.5),
    ("find([1, 2], # > 1) + findIndex([1, 2], # > 1) + findLastIndex([5, 5], # == 5)", 4),
    ("groupBy([1, 2, 3], string(# % 2))", {"1": [1, 3], "0": [2]}),
    ("sortBy([{n: 2}, {n: 1}], .n)[0].n", 1),
    ("let a = 2; a ** 3 + 2 ^ 1", 10.0),
    ("{'a': 1, b: [2]}.b[-1]", 2),
    ("'abc' not in ['abc'] || not ('a' in ['b'])", True),
    ("'hello'[1:3] + 'x'[:1]", "elx"),
    ("7 % 3 + -1", 0),
    ("1 / 2", 0.5),
    ("if 1 < 2 { 'a' } else { 'b' }", "a"),
    ("true ? 'y' : 'n'", "y"),
    ("'a' matches '^a$' and 'abc' contains 'b' and 'abc' endsWith 'c'", True),
    ("toJson({b: 1, a: '<'})", '{"a":"\\u003c","b":1}'),
    ("fromJSON('{\"a\":[1]}').a[0]", 1),
    ("keys({b: 1, a: 2}) | join('')", "ab"),
    ("flatten([[1], [2, [3]]]) == [1, 2, 3]", True),
    ("split('a,b', ',')[1] + upper('c') + trimPrefix('xd', 'x') + replace('ee', 'e', 'f')", "bCdff"),
    ("max(1, [3, 2]) + min(4, 5) + len('ab')", 9),
    ("duration('1h30m').Minutes()", 90.0),
    ("date('2024-02-29').Year() + date('2024-02-29').YearDay()", 2084),
    ("string([1, 'a']) + string(nil)", "[1 a]<nil>"),
    ("sprig.trimPrefix('v', 'v1') + sprig.upper('a') + sprig.join('-', ['b', 1])", "1Ab-1"),
    ("sprig.add(1, '2') + sprig.mul(2, 3) + sprig.int('4')", 13),
    ("sprig.default('d', '') + sprig.ternary('y', 'n', true) + sprig.b64enc('a')", "dyYQ=="),
    ("sprig.date('2006-01-02', date('2024-03-01'))", "2024-03-01"),
    ("sprig.regexReplaceAll('a(x*)b', '-ab-axxb-', '${1}W')", "-W-xxW-"),
    ("sprig.splitList(',', 'a,b')[0] + sprig.trunc(2, 'xyz') + sprig.snakecase('FirstName')", "axyfirst_name"),
    ("sprig.semverCompare('^1.2.0', '1.3.4') && !sprig.semverCompare('>2', '1.0.0')", True),
    ("sprig.first(sprig.list(1, 2)) + sprig.dict('k', 4).k", 5),
    ("0x1F + 1_000 // a remark", 1031),
    ("`raw\\n` == 'raw\\\\n'", True),
    ("bitand(6, 3) + bitshl(1, 3)", 10),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_an_expression_gives_what_argo_gives(text, value):
    assert evaluate(text, NAMES) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("unknown.name", "unknown name unknown"),
        ("inputs.parameters.none.deeper", "cannot fetch deeper from <nil>"),
        ("'a' < 1", "mismatched types string and int"),
        ("1 +", "unexpected token EOF (1:3)\n | 1 +\n | ..^"),
        ("[1, 2][5]", "index out of range: 5 (array length is 2)"),
        ("int('x')", "invalid operation: int(x)"),
        ("1 && true", "mismatched types int and bool"),
        ("# > 1", "outside of a predicate"),
        ("1 % 0", "divide by zero"),
        ("__import__('os')", "unknown name __import__"),
        ("(1).__class__", "cannot fetch __class__ from int"),
        ("sprig.env('HOME')", "call of reflect.Value.Call on zero Value"),
        ("'x' matches '('", "error parsing regexp"),
        ("(" * 300 + "1" + ")" * 300, "nested more than"),
        ("map(1..2000, map(1..2000, #))", "budget exceeded"),
        ("repeat('x', 100000000)", "memory budget exceeded"),
        ("1..100000000", "has more than"),
    ],
)
def test_a_wrong_expression_says_what_is_wrong(text, told):
    with pytest.raises(ExpressionInvalid) as caught:
        evaluate(text, NAMES)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"), json.loads((Path(__file__).parent / "real" / "expression-errors.json").read_text()).items()
)
def test_a_retrys_expression_is_told_as_on_real_argo(text: str, told: str) -> None:
    """What real Argo 3.7.3 said of a retryStrategy's expression, once a step had ended with 1."""
    names = {
        "lastRetry.exitCode": "1",
        "lastRetry.status": "Failed",
        "lastRetry.message": "main: Error (exit code 1)",
        "lastRetry.duration": "3",
        "retries": "0",
    }
    if told == "retryStrategy.expression evaluated to false":
        assert truth(text, names) is False
        return
    with pytest.raises(ExpressionInvalid) as caught:
        truth(text, names)
    assert str(caught.value) == told


def test_a_regular_expression_that_never_ends_is_given_up():
    begun = time.monotonic()
    with pytest.raises(ExpressionInvalid, match="took more than"):
        evaluate("text matches '^(a|a)*$'", {"text": "a" * 5000 + "b"})
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", True),
        ("heads == heads", True),
        ("heads == tails", False),
        ("'a b' == \"a b\"", True),
        ("1 < 2 && 3 >= 3", True),
        ("1 == '1'", False),
        ("2 + 2 == 4", True),
        ("!false || x == y", True),
        ("heads =~ '^h'", True),
        ("heads !~ '^h'", False),
        ("b in (a, b)", True),
        ("[a-b] == [a-b]", True),
        ("(true) ? (1 == 1) : (1 == 2)", True),
    ],
)
def test_a_condition_reads_bare_words_as_texts(text, value):
    assert holds(text) is value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "a-b == a-b",
            "Failed to evaluate 'when' expresion 'a-b == a-b': Value 'a' cannot be used with the modifier '-'",
        ),
        ("5", "Expected boolean evaluation for '5'. Got 5"),
        ("{{steps.x}} == 1", "(hint: try wrapping the affected expression in quotes"),
        ("a < 1", "cannot be used with the comparator '<', it is not a number"),
        ("1 in b", "it is not an array"),
        ("(" * 150 + "1" + ")" * 150, "parts inside each other"),
    ],
)
def test_a_wrong_condition_is_told_in_argos_words(text, told):
    with pytest.raises(ExpressionInvalid) as caught:
        holds(text)
    assert told in str(caught.value)


def test_expressions_print_what_they_printed_on_real_argo():
    """873 asked of Argo v3.7.3, a task each; null where it left the tag as it was, since the expression is wrong."""
    recorded = json.loads((Path(__file__).parent / "real" / "expressions.json").read_text())
    given = {
        "json": '{"a": [1, 2.5, {"b": "x"}], "n": null, "s": "q\\"uote", "m": {"k-1": true}}', "n": "12", "t": " Mixed Case ",
        "empty": "", "list": '["b","a","c"]',
    }  # fmt: skip
    names = {f"workflow.parameters.{key}": value for key, value in given.items()}
    wrong = {}
    for text, theirs in recorded.items():
        tag = f"{{{{={text}}}}}"
        ours = fill_text(tag, names)
        if ours != (tag if theirs is None else theirs):
            wrong[text] = (ours, theirs)
    assert wrong == {}


def test_tags_are_filled_late_where_what_they_name_comes_later():
    names = {"a": "1", "inputs.parameters.k-1": "v", "workflow.name": "w"}
    assert fill("{{a}} {{b}} {{= a + 'x'}}", names) == "1 {{b}} 1x"
    assert fill("{{inputs.parameters.k-{{a}}}}", names) == "v"
    assert fill("{{= workflow.status == 'Failed' }}", names) == "{{= workflow.status == 'Failed' }}"
    assert fill("{{= asInt(retries) + 1}}", names) == "{{= asInt(retries) + 1}}"
    assert fill({"{{a}}": ["{{=[1, 2]}}", "{{= {'a': 1.0} }}"]}, names) == {"1": ["[1,2]", '{"a":1}']}


def test_the_names_that_an_expression_reads_are_known_without_running_it():
    assert names_in("steps['a-b'].outputs.result + map([x.y], # + z)[0]") == {"steps.a-b.outputs.result", "x.y", "z"}


@example(".")
@given(st.text(max_size=40))
def test_no_text_breaks_the_readers(text):
    for read in (lambda: evaluate(text, NAMES), lambda: holds(text)):
        with contextlib.suppress(ExpressionInvalid):
            read()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3),
    )
)
def test_what_is_written_as_json_reads_back(value):
    assert evaluate("fromJSON(text)", {"text": evaluate("toJson(value)", {"value": value})}) == value
    assert isinstance(text_of(value), str)


def test_sprigs_ciphers_take_each_others_texts_and_what_would_hold_up_the_server_says_so():
    assert evaluate("sprig.decryptAES('key', sprig.encryptAES('key', text))", {"text": "größer"}) == "größer"
    of_sprig = "30tEfhuJSVRhpG97XCuWgz2okj7L8vQ1s6V9zVUPeDQ="  # in its documentation
    assert evaluate("sprig.decryptAES('secretkey', text)", {"text": of_sprig}) == "plaintext"
    for text in (of_sprig, "no base64!"):
        with pytest.raises(ExpressionInvalid, match="decryptAES: "):
            evaluate("sprig.decryptAES('key', text)", {"text": text})
    with pytest.raises(ExpressionInvalid, match=r"sprig\.genPrivateKey would hold up every workflow .* in a step"):
        evaluate("sprig.genPrivateKey('rsa')", {})
