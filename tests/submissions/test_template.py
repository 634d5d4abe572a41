from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.errors import SubmissionRejected
from palio.submissions.template import MAX_TEMPLATE_BYTES, check_template
from tests.submissions import build

SHOW = "{% for m in messages %}{{ m.content }}{% endfor %}"
LLAMA3 = """{% set loop_messages = messages %}{% for message in loop_messages %}
{%- set content = '<|start|>' + message['role'] + '<|end|>\\n\\n' + message['content'] | trim %}
{%- if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}
{%- endfor %}{% if add_generation_prompt %}{{ '<|start|>assistant<|end|>' }}{% endif %}"""
MISTRAL = """{%- if messages[0]['role'] == 'system' %}{%- set system = messages[0]['content'] %}
{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}
{%- set ns = namespace(index=0) %}{%- for message in loop_messages %}
{%- if (message['role'] == 'user') != (ns.index % 2 == 0) %}
{{- raise_exception('roles must alternate') }}{%- endif %}{%- set ns.index = ns.index + 1 %}
{%- if message.role == 'user' %}{{ '[INST] ' + message.content + ' [/INST]' }}
{%- else %}{{ ' ' + message.content.strip() + eos_token }}{% endif %}{%- endfor %}"""
QWEN = """{%- if tools %}{{- tools | tojson }}{%- for tool in tools %}{{ tool | tojson(indent=4) }}
{%- endfor %}{%- endif %}{%- for message in messages[::-1] %}
{%- set index = (messages|length - 1) - loop.index0 %}
{%- if message.content is string and not message.content.startswith('<t>') %}
{{- message.content.split('</think>')[-1].lstrip('\\n') }}{%- break %}{%- endif %}{%- endfor %}
{%- macro line(m) %}{{ m.role }}{% endmacro %}{{ line(messages[0]) }}"""


def code_of(text: str | bytes) -> str:
    try:
        check_template(text.encode() if isinstance(text, str) else text, "chat_template.jinja")
    except SubmissionRejected as refusal:
        assert refusal.stage == "template"  # noqa: PT017 - the code is what the caller compares
        return refusal.code
    return "accept"


@pytest.mark.parametrize("template", [build.TEMPLATE, SHOW, LLAMA3, MISTRAL, QWEN])
def test_templates_like_the_published_ones_are_accepted(template: str) -> None:
    assert code_of(template) == "accept"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{% for %}", "E_TPL_PARSE"),
        ("{{ " + "9" * 5000 + " }}" + SHOW, "E_TPL_PARSE"),
        (b"\xff" + SHOW.encode(), "E_TPL_PARSE"),
        ("{{ 'A' * 10 }}" + SHOW, "E_TPL_RESOURCE"),
        ("{{ 9 ** 9 }}" + SHOW, "E_TPL_RESOURCE"),
        ("{{ '%9999999d' % 1 }}" + SHOW, "E_TPL_RESOURCE"),
        ("{{ ('%' ~ '99999d') % 1 }}" + SHOW, "E_TPL_RESOURCE"),
        ("{{ 'x' | center(10) }}" + SHOW, "E_TPL_RESOURCE"),
        ("{{ 'x'.ljust(10) }}" + SHOW, "E_TPL_RESOURCE"),
        ("{{ '{:>9999999}'.format(1) }}" + SHOW, "E_TPL_RESOURCE"),
        ("{{ 'x' | indent(10000000) }}" + SHOW, "E_TPL_RESOURCE"),
        ("{{ tools | tojson(indent=10000000) }}" + SHOW, "E_TPL_RESOURCE"),
        ("{{ tools | tojson(indent=messages|length) }}" + SHOW, "E_TPL_RESOURCE"),
        ("{% for i in range(9) %}{% endfor %}" + SHOW, "E_TPL_RESOURCE"),
        ("{% for i in 'aaaaaaaa' %}{% endfor %}" + SHOW, "E_TPL_RESOURCE"),
        ("{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(0) }}" + SHOW, "E_TPL_RESOURCE"),
        (
            "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}" + SHOW,
            "E_TPL_RESOURCE",
        ),
        ("{% for m in messages recursive %}{{ m.content }}{% endfor %}", "E_TPL_RESOURCE"),
        ("{% for a in messages %}" * 4 + SHOW + "{% endfor %}" * 4, "E_TPL_RESOURCE"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}" + SHOW, "E_TPL_RESOURCE"),
        ("{{ " + "not " * 300 + "1 }}" + SHOW, "E_TPL_RESOURCE"),
        ("{{ [1, 2] | random }}" + SHOW, "E_TPL_NONDET"),
        ("{{ range(9) | list | random }}" + SHOW, "E_TPL_NONDET"),
        ("{{ strftime_now('%Y') }}" + SHOW, "E_TPL_NONDET"),
        ("{% include 'x' %}" + SHOW, "E_TPL_SECURITY"),
        ("{% import 'x' as y %}" + SHOW, "E_TPL_SECURITY"),
        ("{% extends 'x' %}" + SHOW, "E_TPL_SECURITY"),
        ("{% block a %}{% endblock %}" + SHOW, "E_TPL_SECURITY"),
        ("{{ messages.__class__ }}" + SHOW, "E_TPL_SECURITY"),
        ("{{ messages['__class__'] }}" + SHOW, "E_TPL_SECURITY"),
        ("{{ messages['_' ~ '_class_' ~ '_'] }}" + SHOW, "E_TPL_SECURITY"),
        ("{{ messages | attr('x') }}" + SHOW, "E_TPL_SECURITY"),
        ("{{ messages | map(attribute='__class__') | list }}" + SHOW, "E_TPL_SECURITY"),
        ("{{ messages.mro() }}" + SHOW, "E_TPL_SECURITY"),
        ("{{ undefined_function() }}" + SHOW, "E_TPL_SECURITY"),
        ("{{ self }}" + SHOW, "E_TPL_SECURITY"),
        ("{{ messages[0]() }}" + SHOW, "E_TPL_SECURITY"),
        ("Answer: A", "E_TPL_CONTENT"),
        ("{% for m in messages %}Answer: A{% endfor %}", "E_TPL_CONTENT"),
        ("{{ content }}", "E_TPL_CONTENT"),
        ("Q7: A. " * 30_000 + SHOW, "E_TPL_SIZE"),
    ],
)
def test_each_fault_has_its_code(text: str | bytes, code: str) -> None:
    assert code_of(text) == code


def test_the_limit_of_size_is_inclusive() -> None:
    assert code_of(SHOW + "x" * (MAX_TEMPLATE_BYTES - len(SHOW))) == "accept"
    assert code_of(SHOW + "x" * (MAX_TEMPLATE_BYTES - len(SHOW) + 1)) == "E_TPL_SIZE"


_PIECES = st.sampled_from(
    ["{{", "}}", "{%", "%}", "for m in messages", "endfor", "macro f()", "endmacro", "f()", "|",
     "(", ")", "[", "'", "m.content", "if", "endif", "set x = ", "~", "%", "1", "loop", "is"]
)  # fmt: skip


@given(st.lists(_PIECES | st.text(max_size=3), max_size=30).map(" ".join))
def test_any_text_is_accepted_or_refused(text: str) -> None:
    with suppress(SubmissionRejected):
        assert check_template(text.encode(), "x") == text
