"""tokenizer_config.json and special_tokens_map.json: never used, yet not allowed to mislead.

The worker reads tokenizer.json alone. Other tools read these files, so what they say
must agree with it, and keys that load code, classes or other files are refused.
"""

from collections.abc import Mapping
from typing import Any

from palio.submissions.refusals import Warning, rejected, shown, warned
from palio.submissions.vocabulary import Vocabulary

MAX_SETTINGS_BYTES = 2 * 1024 * 1024
MAX_MAP_BYTES = 64 * 1024
MIN_MODEL_MAX_LENGTH = 16

_PLAIN_CLASSES = frozenset({"PreTrainedTokenizerFast", "TokenizersBackend"})
_CLASS_STEMS = [
    "Bart",
    "BarthezFast",
    "Bloom",
    "CodeGen",
    "CodeLlama",
    "Cohere",
    "Falcon",
    "Gemma",
    "GPT2",
    "GPTNeoX",
    "Llama",
    "Mistral",
    "MistralCommon",
    "Phi",
    "Phi3",
    "Qwen2",
    "Roberta",
]
_CLASSES = _PLAIN_CLASSES | {
    stem + ending for stem in _CLASS_STEMS for ending in ("Tokenizer", "TokenizerFast")
}
TOKEN_KEYS = (
    "bos_token",
    "eos_token",
    "pad_token",
    "unk_token",
    "sep_token",
    "cls_token",
    "mask_token",
)
_LISTS = ("additional_special_tokens", "extra_special_tokens")
_PATHS = ("vocab_file", "tokenizer_file", "merges_file", "gguf_file", "fast_tokenizer_files")
#: Keys without effect on the platform; each value must be of one of these types.
_HARMLESS: dict[str, tuple[type, ...]] = {
    "add_bos_token": (bool,),
    "add_eos_token": (bool,),
    "add_prefix_space": (bool,),
    "backend": (str,),
    "errors": (str,),
    "from_slow": (bool,),
    "is_local": (bool,),
    "legacy": (bool,),
    "local_files_only": (bool,),
    "model_input_names": (list,),
    "name_or_path": (str,),
    "padding_side": (str,),
    "processor_class": (str,),
    "sp_model_kwargs": (dict,),
    "return_token_type_ids": (bool,),
    "spaces_between_special_tokens": (bool,),
    "split_special_tokens": (bool,),
    "trim_offsets": (bool,),
    "truncation_side": (str,),
    "use_default_system_prompt": (bool,),
    "use_fast": (bool,),
}


def check_settings(settings: Mapping[str, Any], vocabulary: Vocabulary) -> tuple[Warning, ...]:
    """Check tokenizer_config.json against the tokens of tokenizer.json.

    ``chat_template`` is left to the template's own check.

    Raises:
        SubmissionRejected: ``E_TOK_...``.
    """
    if settings.get("auto_map") is not None:
        raise rejected("E_TOK_CODE", f"auto_map is {shown(settings['auto_map'])}")
    warnings = _check_class(settings.get("tokenizer_class"))
    for name in sorted(settings):
        value = settings[name]
        if name in _PATHS:
            raise rejected("E_TOK_KEY", f"{name} names another file", key=name)
        if name in TOKEN_KEYS:
            _check_token(name, value, vocabulary)
        elif name in _LISTS:
            _check_tokens(name, value, vocabulary)
        elif name == "added_tokens_decoder":
            _check_decoder(value, vocabulary)
        elif name == "model_max_length":
            _check_length(value)
        elif name == "clean_up_tokenization_spaces":
            if value is not None and value is not False:
                raise rejected("E_TOK_KEY", f"{name} removes spaces from answers", key=name)
        elif name not in ("auto_map", "tokenizer_class", "chat_template"):
            _check_harmless(name, value)
    return warnings


def check_special_map(
    special_map: Mapping[str, Any], settings: Mapping[str, Any], vocabulary: Vocabulary
) -> None:
    """Check special_tokens_map.json against tokenizer.json and tokenizer_config.json.

    Raises:
        SubmissionRejected: ``E_TOK_SPECIAL`` or ``E_TOK_KEY``.
    """
    for name in sorted(special_map):
        value = special_map[name]
        if name in _LISTS:
            _check_tokens(name, value, vocabulary)
        elif name in TOKEN_KEYS:
            _check_token(name, value, vocabulary)
            other = settings.get(name)
            if other is not None and _content(other) != _content(value):
                raise rejected(
                    "E_TOK_SPECIAL",
                    f"{name} is {shown(_content(value))} in one file "
                    f"and {shown(_content(other))} in the other",
                    key=name,
                )
        else:
            raise rejected("E_TOK_KEY", f"special_tokens_map.json has {shown(name)}")


def _check_class(name: object) -> tuple[Warning, ...]:
    if name is None:
        return ()
    if not isinstance(name, str) or name not in _CLASSES:
        raise rejected("E_TOK_CLASS", shown(name), tokenizer_class=shown(name))
    return () if name in _PLAIN_CLASSES else (warned("W_TOK_CLASS_IGNORED", name),)


def _content(value: object) -> object:
    return value.get("content") if isinstance(value, dict) else value


def _check_token(name: str, value: object, vocabulary: Vocabulary) -> None:
    if value is None:
        return
    content = _content(value)
    if not isinstance(content, str):
        raise rejected("E_TOK_TYPE", f"{name} is {shown(value)}", key=name)
    if content not in vocabulary.special:
        raise rejected(
            "E_TOK_SPECIAL", f"{name} {shown(content)} is no special token of tokenizer.json"
        )


def _check_tokens(name: str, value: object, vocabulary: Vocabulary) -> None:
    items = list(value.values()) if isinstance(value, dict) else value
    if items is None:
        return
    if not isinstance(items, list):
        raise rejected("E_TOK_TYPE", f"{name} is {shown(value)}", key=name)
    for item in items:
        content = _content(item)
        if not isinstance(content, str) or content not in vocabulary.special:
            raise rejected("E_TOK_KEY", f"{name} adds {shown(content)}", key=name)


def _check_decoder(value: object, vocabulary: Vocabulary) -> None:
    if not isinstance(value, dict):
        raise rejected("E_TOK_TYPE", f"added_tokens_decoder is {shown(value)}")
    known = {str(token.stated): token for token in vocabulary.added}
    for number, item in value.items():
        token = known.get(number)
        same = (
            token is not None
            and isinstance(item, dict)
            and item.get("content") == token.content
            and bool(item.get("special", False)) == token.special
            and not (item.get("lstrip") or item.get("rstrip") or item.get("single_word"))
        )
        if not same:
            raise rejected("E_TOK_SPECIAL", f"added_tokens_decoder disagrees at {shown(number)}")


def _check_length(value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise rejected("E_TOK_TYPE", f"model_max_length is {shown(value)}")
    if value < MIN_MODEL_MAX_LENGTH:
        raise rejected("E_TOK_RANGE", f"model_max_length is {shown(value)}")


def _check_harmless(name: str, value: object) -> None:
    if name not in _HARMLESS:
        raise rejected("E_TOK_KEY", f"tokenizer_config.json has {shown(name)}", key=shown(name))
    if value is not None and not isinstance(value, _HARMLESS[name]):
        raise rejected("E_TOK_TYPE", f"{name} is {shown(value)}", key=name)
