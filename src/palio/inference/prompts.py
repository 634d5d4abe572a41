"""From conversation and text to token ids: rendering, tokenising, and which tokens are scored.

The platform keeps every decision here to itself. The chat template never sees
the target it is scored on: the context is rendered with a generation prompt, the
target and the end of turn follow it. The context's tokens are those of the context
alone, so no tokenizer can smuggle the target into tokens that are not scored; the
target's are taken from the joined text, as a model sees it in its own output. A
target that the tokenizer does not give back, alone and in its place, is the
participant's fault, since its loss would be over another text. What is scored is
then a code from which the text can be recovered, and no such code is shorter than
the text's own.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from palio.errors import EvaluationFailed, Fault
from palio.inference.protocol import Message, Role

#: Used when a submission brings no chat template.
PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
_PROBE = "Palio probe"
#: How tokenizers with byte fallback name the token of a single byte.
_BYTE_TOKEN = re.compile("<0x[0-9A-F]{2}>")


@dataclass(frozen=True, slots=True)
class ScoredTokens:
    """Token ids of which those from ``first_target`` on are scored; ``bytes`` counts their text."""

    ids: tuple[int, ...]
    first_target: int
    bytes: int


class PromptCodec:
    """Turns requests into token ids for one tokenizer and one chat template.

    Args:
        tokenizer: a raw tokenizer; truncation and padding are switched off here, once.
        template: the chat template's source, or None for the plain one.
        bos_id: id put before a plain text; None if the model has none.
        eos_ids: ids that end a text; the first is the one written.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        template: str | None,
        bos_id: int | None,
        eos_ids: Sequence[int],
    ) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        # It would add tokens of its own, or trim the offsets that tell target from context.
        tokenizer.post_processor = None
        self._tokenizer = tokenizer
        self._bos_id = bos_id
        self._eos_ids = tuple(eos_ids)
        self._specials = {
            "bos_token": self._token(bos_id),
            "eos_token": self._token(eos_ids[0] if eos_ids else None),
        }
        added: Mapping[int, Any] = tokenizer.get_added_tokens_decoder()
        self._special_ids = frozenset(token for token, entry in added.items() if entry.special)
        self._template = _compile(template or PLAIN_TEMPLATE)
        self._frames: dict[tuple[Role, ...], tuple[str, ...]] = {}
        self.end_of_turn = self._find_end_of_turn()
        self.stop_ids = frozenset(self._eos_ids) | (
            self._special_ids & frozenset(self._encode(self.end_of_turn))
        )

    def context(self, messages: Sequence[Message]) -> str:
        """The conversation rendered up to where the assistant begins to speak.

        Raises:
            EvaluationFailed: what the template writes around the messages depends on what
                stands in them, or a message is left out or repeated (participant). A
                template frames a conversation; it does not take part in it.
        """
        turns = [_turn(message) for message in messages]
        rendered = self._render(turns, generation=True)
        pieces = self._frame(tuple(message.role for message in messages))
        contents = [turn["content"] for turn in turns]
        # Trimming a message is common and harmless.
        for trim in (str, str.strip, str.rstrip):
            if rendered == _joined(pieces, [trim(content) for content in contents]):
                return rendered
        raise _participant(
            "E_TPL_CONTENT", "the chat template does more than frame the messages it is given"
        )

    def _frame(self, roles: tuple[Role, ...]) -> tuple[str, ...]:
        """What the template writes before, between and behind messages of these roles."""
        if roles not in self._frames:
            probes = [f"{_PROBE} {index}." for index in range(len(roles))]
            turns = [
                {"role": role, "content": probe} for role, probe in zip(roles, probes, strict=True)
            ]
            rest, pieces = self._render(turns, generation=True), []
            for probe in probes:
                before, found, rest = rest.partition(probe)
                if not found or probe in rest:
                    raise _participant(
                        "E_TPL_CONTENT", "the chat template leaves a message out or repeats it"
                    )
                pieces.append(before)
            self._frames[roles] = (*pieces, rest)
        return self._frames[roles]

    def prompt(self, messages: Sequence[Message], room: int) -> list[int]:
        """Ids of the conversation, cut from the left to at most ``room`` tokens."""
        ids = self._encode(self.context(messages))
        if not ids:
            raise _participant(
                "E_TPL_CONTENT", "the chat template renders a conversation to nothing"
            )
        return ids[-room:]

    def reply(
        self, messages: Sequence[Message], target: str, room: int, *, ends: bool = True
    ) -> ScoredTokens:
        """The conversation with ``target`` as the assistant's words, at most ``room`` tokens.

        The context is cut from the left; the target never is, unless it alone fills the
        window, when all of the context but its last token goes. With ``ends``, the end of
        turn is scored too, so that not stopping costs something.

        Raises:
            EvaluationFailed: the tokenizer does not give the target back (participant).
            ValueError: the target is empty (Palio's own fault).
        """
        if not target:
            raise ValueError("an empty answer has no loss")
        target = unicodedata.normalize("NFC", target)
        self._require_round_trip(target)
        if ends and not self.end_of_turn:
            raise _participant("E_CFG_TOKENIDS", "nothing ends the assistant's turn: no EOS token")
        before, scored = self._split(
            self.context(messages), target + (self.end_of_turn if ends else "")
        )
        spare = max(1, room - len(scored))
        before = before[-spare:] or [self._start_id()]
        return ScoredTokens((*before, *scored), len(before), len(target.encode()))

    def _split(self, context: str, answer: str) -> tuple[list[int], list[int]]:
        """Ids of the context and of the answer behind it.

        A token may reach over the boundary by one character, which is how most
        tokenizers write a word behind a blank; it is scored, and the context ends before it.
        """
        alone = self._tokenizer.encode(context, add_special_tokens=False)
        joined = self._tokenizer.encode(context + answer, add_special_tokens=False)
        boundary = len(context)
        first = next(
            (i for i, (_, end) in enumerate(joined.offsets) if end > boundary), len(joined.ids)
        )
        begins = joined.offsets[first][0] if first < len(joined.ids) else boundary
        scored = joined.ids[first:]
        if begins < boundary - 1:
            begins, scored = boundary, self._encode(answer)
        kept = next((i for i, (_, end) in enumerate(alone.offsets) if end > begins), len(alone.ids))
        decoded = self._tokenizer.decode(scored, skip_special_tokens=False)
        # Some decoders drop the blank before a first word.
        if not scored or not decoded.endswith(answer.lstrip()):
            raise _participant(
                "E_TOK_ROUNDTRIP",
                "the tokenizer does not give back an answer behind its conversation",
            )
        return alone.ids[:kept], scored

    def document(self, text: str) -> ScoredTokens:
        """A plain text after BOS (or after EOS where the model has no BOS); all of it is scored.

        Raises:
            EvaluationFailed: the tokenizer does not give the text back (participant).
            ValueError: the text is empty (Palio's own fault).
        """
        if not text:
            raise ValueError("an empty text has no loss")
        text = unicodedata.normalize("NFC", text)
        ids = self._require_round_trip(text)
        return ScoredTokens((self._start_id(), *ids), 1, len(text.encode()))

    def bytes_of(self, ids: Sequence[int]) -> int:
        """UTF-8 bytes of the text that these ids stand for, up to its last whole character."""
        decoded: str = self._tokenizer.decode(list(ids), skip_special_tokens=False)
        return len(decoded.rstrip("\ufffd").encode())

    def text(self, ids: Sequence[int]) -> str:
        """Generated ids as text, without special tokens."""
        decoded: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return decoded

    def steady_text(self, ids: Sequence[int]) -> str:
        """The part of :meth:`text` that no further token can change.

        Single-byte tokens at the end are left out: an invalid byte after them makes some
        decoders rewrite the whole run.
        """
        end = len(ids)
        while end and (
            ids[end - 1] in self._special_ids
            or _BYTE_TOKEN.fullmatch(self._tokenizer.id_to_token(ids[end - 1]) or "")
        ):
            end -= 1
        return self.text(ids[:end])

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _require_round_trip(self, text: str) -> list[int]:
        ids = self._encode(text)
        if self._tokenizer.decode(ids, skip_special_tokens=False) != text:
            raise _participant(
                "E_TOK_ROUNDTRIP",
                "the tokenizer does not give back a scored text byte for byte",
            )
        return ids

    def _start_id(self) -> int:
        if self._bos_id is not None:
            return self._bos_id
        if self._eos_ids:
            return self._eos_ids[0]
        raise _participant("E_CFG_TOKENIDS", "config.json names neither a BOS nor an EOS token")

    def _token(self, token_id: int | None) -> str:
        if token_id is None:
            return ""
        return self._tokenizer.id_to_token(token_id) or ""

    def _find_end_of_turn(self) -> str:
        """What the template writes behind an assistant's words, up to its first special token."""
        turns = [{"role": "user", "content": _PROBE}, {"role": "assistant", "content": _PROBE}]
        rendered = self._render(turns, generation=False)
        _, found, behind = rendered.rpartition(_PROBE)
        if found and behind:
            encoding = self._tokenizer.encode(behind, add_special_tokens=False)
            for token, (_, end) in zip(encoding.ids, encoding.offsets, strict=True):
                if token in self._special_ids:
                    return behind[:end]
        return self._specials["eos_token"]

    def _render(self, turns: list[dict[str, str]], *, generation: bool) -> str:
        try:
            return self._template.render(
                messages=turns, add_generation_prompt=generation, **self._specials
            )
        except EvaluationFailed:
            raise
        # A template is a stranger's program: whatever it raises is the participant's.
        except Exception as error:
            raise EvaluationFailed(
                "E_TPL_RESOURCE",
                f"the chat template failed to render: {type(error).__name__}",
                fault=Fault.PARTICIPANT,
                hint="Render it with a user turn and an assistant turn before submitting.",
            ) from error


def _joined(pieces: Sequence[str], contents: Sequence[str]) -> str:
    between = [text for pair in zip(pieces, contents, strict=False) for text in pair]
    return "".join((*between, pieces[-1]))


def _compile(source: str) -> Any:  # noqa: ANN401 - a jinja2 template
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.globals["raise_exception"] = _raise_from_template
    # Chance has no place in a prompt; a template that wants it fails like any unknown name.
    del environment.filters["random"], environment.globals["lipsum"]
    try:
        return environment.from_string(source)
    except TemplateError as error:
        raise EvaluationFailed(
            "E_TPL_PARSE", "the chat template does not parse", fault=Fault.PARTICIPANT
        ) from error


def _raise_from_template(message: object) -> NoReturn:
    raise _participant(
        "E_TPL_CONTENT", f"the chat template refuses the conversation: {message!s:.60}"
    )


def _turn(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": unicodedata.normalize("NFC", message.content)}


def _participant(code: str, message: str) -> EvaluationFailed:
    return EvaluationFailed(code, message, fault=Fault.PARTICIPANT)
