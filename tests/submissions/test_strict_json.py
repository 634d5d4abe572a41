import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.errors import SubmissionRejected
from palio.submissions.strict_json import NO_LIMIT, read_object

Values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def code_of(data: bytes, max_bytes: int = 1 << 16) -> str:
    with pytest.raises(SubmissionRejected) as refusal:
        read_object(data, name="x.json", max_bytes=max_bytes)
    return refusal.value.code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "E_JSON_PARSE"),
        (b"{", "E_JSON_PARSE"),
        (b'{"a": 1} x', "E_JSON_PARSE"),
        (b"\xef\xbb\xbf{}", "E_JSON_PARSE"),
        ('{"a": 1}'.encode("utf-16"), "E_JSON_PARSE"),
        (b'{"a": "\xff"}', "E_JSON_PARSE"),
        (b'{"a": "\\ud800"}', "E_JSON_PARSE"),
        (b'{"\\udfff": 1}', "E_JSON_PARSE"),
        (b'{"a": "\x00"}', "E_JSON_PARSE"),
        (b"[1, 2]", "E_JSON_TYPE"),
        (b"null", "E_JSON_TYPE"),
        (b'{"a": 1, "a": 1}', "E_JSON_DUPKEY"),
        (b'{"b": {"a": 1, "\\u0061": 2}}', "E_JSON_DUPKEY"),
        (b'{"a": NaN}', "E_JSON_NUMBER"),
        (b'{"a": -Infinity}', "E_JSON_NUMBER"),
        (b'{"a": 1e999}', "E_JSON_NUMBER"),
        (b'{"a": 1' + b"0" * 20 + b"}", "E_JSON_NUMBER"),
        (b'{"a": 0.' + b"1" * 5000 + b"}", "E_JSON_NUMBER"),
        (b'{"a": ' + b"[" * 25 + b"]" * 25 + b"}", "E_JSON_DEPTH"),
        (b'{"a": ' + b"[" * 20_000, "E_JSON_DEPTH"),
        (b'{"a":' * 5_000, "E_JSON_DEPTH"),
        (b'{"a": "' + b"x" * (1 << 16) + b'"}', "E_JSON_SIZE"),
    ],
)
def test_each_fault_has_its_code(data: bytes, code: str) -> None:
    assert code_of(data) == code


def test_brackets_inside_strings_do_not_count_as_nesting() -> None:
    text = '{"a": "' + "[" * 100 + '\\"' + "{" * 100 + '"}'
    assert read_object(text.encode(), name="x", max_bytes=1000)["a"].startswith("[[[")


def test_a_million_escaped_quotes_are_read_in_linear_time() -> None:
    assert code_of(b'{"a": "' + b'\\"' * 1_000_000, 1 << 22) == "E_JSON_PARSE"
    assert code_of(b'{"a": "' + b'\\"' * 1_000_000 + b"\\", 1 << 22) == "E_JSON_PARSE"


def test_a_flood_of_tiny_values_is_refused_before_parsing() -> None:
    assert code_of(b'{"a":[' + b"[]," * 4_000_001 + b"[]]}", 1 << 24) == "E_JSON_SIZE"


def test_the_way_transformers_writes_no_limit_is_read() -> None:
    text = f'{{"model_max_length": {NO_LIMIT}}}'
    assert int(1e30) == read_object(text.encode(), name="x", max_bytes=99)["model_max_length"]


@given(st.dictionaries(st.text(), Values, max_size=5))
def test_ordinary_json_comes_back_unchanged(value: dict[str, object]) -> None:
    with suppress(SubmissionRejected):
        assert read_object(json.dumps(value).encode(), name="x", max_bytes=1 << 20) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_refused(data: bytes) -> None:
    with suppress(SubmissionRejected):
        assert read_object(data, name="x", max_bytes=100) == json.loads(data)
