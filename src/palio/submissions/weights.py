"""The stored tensors held against the architecture: the exact set, nothing invented."""

from palio.submissions.config import ModelConfig
from palio.submissions.refusals import rejected
from palio.submissions.tensor_sets import Shape
from palio.submissions.weight_files import WeightFiles

#: Names that a loader may quietly map to the same parameter.
_PREFIXES = ("model.", "transformer.", "gpt_neox.", "model.decoder.")


def check_tensor_set(config: ModelConfig, stored: WeightFiles) -> None:
    """The stored tensors are exactly those of the architecture, in name and shape.

    Missing tensors would be invented at random by a loader, extra ones silently ignored.

    Raises:
        SubmissionRejected: ``E_W_...``.
    """
    expected = config.tensors()
    names = stored.tensors.keys()
    _check_tied(config, expected, set(names))
    for name in sorted(names - expected.keys()):
        alias = _alias(name, expected)
        detail = f"{name}, another name of {alias}" if alias else name
        raise rejected("E_W_UNEXPECTED", detail, tensor=name, count=len(names - expected.keys()))
    for name in sorted(expected.keys() - names):
        raise rejected("E_W_MISSING", name, tensor=name, count=len(expected.keys() - names))
    for name in sorted(expected):
        shape = stored.tensors[name].shape
        if shape != expected[name]:
            raise rejected(
                "E_W_SHAPE",
                f"{name} is {list(shape)} instead of {list(expected[name])}",
                tensor=name,
                stored=list(shape),
                expected=list(expected[name]),
            )


def _check_tied(config: ModelConfig, expected: dict[str, Shape], names: set[str]) -> None:
    output = config.architecture.output_layer
    if config.values["tie_word_embeddings"] and output in names - expected.keys():
        raise rejected("E_W_TIED_CONFLICT", output, tensor=output)


def _alias(name: str, expected: dict[str, Shape]) -> str | None:
    bare = name
    for prefix in _PREFIXES:
        bare = bare.removeprefix(prefix)
    for prefix in ("", *_PREFIXES):
        if f"{prefix}{bare}" in expected:
            return f"{prefix}{bare}"
    return None
