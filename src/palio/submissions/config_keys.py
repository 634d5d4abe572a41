"""Typed, range-checked keys of config.json: the words in which architectures are described."""

from collections.abc import Callable
from typing import Any, NamedTuple

from palio.submissions.refusals import rejected, shown

Check = Callable[[str, Any], Any]
Config = dict[str, Any]

#: Default of a key that must be there.
REQUIRED = object()

ACTIVATIONS = (
    "silu",
    "swish",
    "gelu",
    "gelu_new",
    "gelu_fast",
    "gelu_pytorch_tanh",
    "quick_gelu",
    "relu",
)
MAX_EOS_IDS = 16
MAX_VOCABULARY = 1 << 21
MAX_POSITIONS = 1 << 24
MAX_WIDTH = 1 << 16
MAX_INNER_WIDTH = 1 << 20
MAX_LAYERS = 1000
MAX_HEADS = 1024


class Key(NamedTuple):
    """How one key of config.json is checked.

    Attributes:
        check: returns the value to keep, or raises.
        default: what transformers takes when the key is absent; :data:`REQUIRED` for none.
        kept: whether the value enters the canonical config.
    """

    check: Check
    default: Any
    kept: bool = True


def wrong_type(name: str, value: object, wanted: str) -> Exception:
    """The refusal of a value of the wrong type."""
    return rejected("E_CFG_TYPE", f"{name} is {shown(value)}, not {wanted}", key=name)


def out_of_range(name: str, value: object, wanted: str) -> Exception:
    """The refusal of a value out of range."""
    return rejected("E_CFG_RANGE", f"{name} is {shown(value)}, not {wanted}", key=name)


def integer(low: int, high: int) -> Check:
    """A whole number from ``low`` to ``high``."""

    def check(name: str, value: Any) -> int:  # noqa: ANN401 - any JSON value
        if type(value) is not int:
            raise wrong_type(name, value, "a whole number")
        if not low <= value <= high:
            raise out_of_range(name, value, f"from {low} to {high}")
        return value

    return check


def number(low: float, high: float) -> Check:
    """A finite number from ``low`` to ``high``."""

    def check(name: str, value: Any) -> float:  # noqa: ANN401 - any JSON value
        if type(value) not in (int, float):
            raise wrong_type(name, value, "a number")
        if not low <= value <= high:
            raise out_of_range(name, value, f"from {low:g} to {high:g}")
        return float(value)

    return check


def flag(name: str, value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """True or false."""
    if type(value) is not bool:
        raise wrong_type(name, value, "true or false")
    return value


def text(name: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A string."""
    if not isinstance(value, str):
        raise wrong_type(name, value, "a string")
    return value


def choice(*allowed: str) -> Check:
    """One of the strings ``allowed``."""

    def check(name: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
        if text(name, value) not in allowed:
            raise out_of_range(name, value, f"one of {', '.join(allowed)}")
        return str(value)

    return check


def only(allowed: bool) -> Check:
    """A flag whose other value means a variant that Palio does not evaluate."""

    def check(name: str, value: Any) -> bool:  # noqa: ANN401 - any JSON value
        if flag(name, value) is not allowed:
            raise rejected("E_CFG_UNSUPPORTED", f"{name} is {shown(value)}", key=name)
        return allowed

    return check


def causal(name: str, value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """A flag that must not make attention bidirectional."""
    if flag(name, value):
        raise rejected("E_CFG_CAUSAL", f"{name} is true", key=name)
    return False


def nullable(check: Check) -> Check:
    """What ``check`` admits, or null."""

    def check_or_null(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        return None if value is None else check(name, value)

    return check_or_null


def small_object(name: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """An object that is left out of the canonical config anyway."""
    if not isinstance(value, dict):
        raise wrong_type(name, value, "an object")
    if len(value) > MAX_HEADS:
        raise out_of_range(name, value, f"at most {MAX_HEADS} entries")


def layer_types(name: str, value: Any) -> list[str]:  # noqa: ANN401 - any JSON value
    """A list of attention kinds, one a layer."""
    if not isinstance(value, list):
        raise wrong_type(name, value, "a list")
    one = choice("full_attention", "sliding_attention")
    return [one(name, item) for item in value]


def token_id(name: str, value: Any) -> int | None:  # noqa: ANN401 - any JSON value
    """One token's id, or null; whether it exists is checked with the tokenizer."""
    if value is None:
        return None
    if type(value) is not int:
        raise wrong_type(name, value, "a token id")
    if not 0 <= value < MAX_VOCABULARY:
        raise rejected("E_CFG_TOKENIDS", f"{name} is {shown(value)}", key=name)
    return value


def token_ids(name: str, value: Any) -> int | list[int] | None:  # noqa: ANN401 - any JSON value
    """One or several token ids, or null."""
    if not isinstance(value, list):
        return token_id(name, value)
    if not 0 < len(value) <= MAX_EOS_IDS or None in value:
        raise rejected("E_CFG_TOKENIDS", f"{name} is {shown(value)}", key=name)
    return [checked for item in value if (checked := token_id(name, item)) is not None]


IGNORED_RATE = Key(nullable(number(0.0, 1.0)), 0.0, kept=False)
IGNORED_NUMBER = Key(number(-1e6, 1e6), 0.0, kept=False)
IGNORED_FLAG = Key(nullable(flag), False, kept=False)
IGNORED_TEXT = Key(nullable(text), None, kept=False)


def decoder_keys(*, positions: int, tied: bool = False) -> dict[str, Key]:
    """The keys that every decoder has.

    Args:
        positions: the architecture's default of ``max_position_embeddings``.
        tied: its default of ``tie_word_embeddings``.
    """
    return {
        "vocab_size": Key(integer(1, MAX_VOCABULARY), REQUIRED),
        "hidden_size": Key(integer(1, MAX_WIDTH), REQUIRED),
        "intermediate_size": Key(integer(1, MAX_INNER_WIDTH), REQUIRED),
        "num_hidden_layers": Key(integer(1, MAX_LAYERS), REQUIRED),
        "num_attention_heads": Key(integer(1, MAX_HEADS), REQUIRED),
        "max_position_embeddings": Key(integer(1, MAX_POSITIONS), positions),
        "tie_word_embeddings": Key(flag, tied),
        "bos_token_id": Key(token_id, None),
        "eos_token_id": Key(token_ids, None),
        "pad_token_id": Key(token_id, None),
        "initializer_range": IGNORED_NUMBER,
        "attention_dropout": IGNORED_RATE,
        "use_cache": IGNORED_FLAG,
        "transformers_version": IGNORED_TEXT,
    }
