"""Every reason for which a submission is refused: stage, sentence and hint, in one table.

The codes are stable: other programs, the board and docs/reason-codes.md name them.
``refusals`` builds errors and warnings from this table.
"""

from typing import NamedTuple


class Reason(NamedTuple):
    """What a code means: where it is found, one sentence, and what the participant can do."""

    stage: str
    sentence: str
    hint: str


_SAVE_AGAIN = "Save the model again with save_pretrained and submit only what it writes."
_CLEAN_FOLDER = "Submit only the files listed in docs/submission-format.md."

REASONS: dict[str, Reason] = {
    "E_COMMIT_SIZE": Reason(
        "commitment",
        "the commitment line is longer than 128 bytes",
        "Shorten the repository's name; namespace and name may have 37 characters together.",
    ),
    "E_COMMIT_FORMAT": Reason(
        "commitment",
        "the commitment line is not namespace:name:commit:secure_hash:competition_id",
        "Let palio submit write the line.",
    ),
    "E_COMMIT_REPOSITORY": Reason(
        "commitment",
        "the repository's name is not admissible",
        "Use letters, digits, '.', '_' and '-' for namespace and name, and 4 to 38 characters for "
        "namespace/name.",
    ),
    "E_COMMIT_REVISION": Reason(
        "commitment",
        "the commit is not 40 lower-case hexadecimal digits",
        "Commit a full revision, or the first 40 digits of the content digest for a folder.",
    ),
    "E_COMMIT_HASH": Reason(
        "commitment",
        "the secure hash is not that of these files and this participant",
        "Commit again with palio submit; a line copied from another participant never verifies.",
    ),
    "E_COMMIT_COMPETITION": Reason(
        "commitment",
        "the competition id is not one or two letters or digits",
        "Use the id that palio competition show prints.",
    ),
    "E_FETCH_MISSING": Reason(
        "fs",
        "the store has no such submission",
        "Upload the files before committing, under the name that the commitment states.",
    ),
    "E_FETCH_CHANGED": Reason(
        "fs",
        "the stored files are not the ones that were committed",
        "Never change files after committing; commit again instead.",
    ),
    "E_FS_MISSING": Reason(
        "fs",
        "a file that every submission needs is missing",
        "A submission has config.json, tokenizer.json and model.safetensors (or an index with its "
        "shards).",
    ),
    "E_FS_UNLISTED": Reason(
        "fs", "the folder holds something that no submission needs", _CLEAN_FOLDER
    ),
    "E_FS_PICKLE": Reason(
        "fs",
        "the folder holds a pickled file",
        "Save weights as safetensors, and leave out training state such as training_args.bin.",
    ),
    "E_FS_CODE": Reason(
        "fs", "the folder holds program code", "Code is never run; submit the model without it."
    ),
    "E_FS_ADAPTER": Reason(
        "fs",
        "the folder holds an adapter instead of, or beside, a full model",
        "Merge the adapter into the base model and submit the merged weights.",
    ),
    "E_FS_SYMLINK": Reason(
        "fs",
        "the folder holds a symbolic link",
        "Submit real files; from the hub's cache, download again with a local folder as target.",
    ),
    "E_FS_HARDLINK": Reason(
        "fs", "a file has a second name elsewhere (hard link)", "Submit a copy of its own."
    ),
    "E_FS_SPECIAL": Reason(
        "fs", "the folder holds a pipe, socket or device", "Submit regular files only."
    ),
    "E_FS_SPARSE": Reason(
        "fs", "a file has holes: it claims more bytes than it stores", "Write the file in full."
    ),
    "E_FS_MODE": Reason(
        "fs",
        "a file's permissions are not admissible",
        "Make the files readable and remove setuid, setgid and sticky bits (chmod 644).",
    ),
    "E_FS_NAME": Reason(
        "fs",
        "a file name is not admissible",
        "Use at most 128 letters, digits, '.', '_', '+' and '-', and no two names that differ only "
        "in case.",
    ),
    "E_FS_COUNT": Reason("fs", "the folder holds more than 300 entries", _CLEAN_FOLDER),
    "E_FS_DEPTH": Reason("fs", "folders are nested too deeply", _CLEAN_FOLDER),
    "E_FS_SIZE": Reason(
        "fs",
        "the submission is larger than the competition allows",
        "Store weights in a 16-bit format, or submit a smaller model.",
    ),
    "E_JSON_PARSE": Reason(
        "json", "a file is not valid JSON in UTF-8", "Write plain UTF-8 JSON without a BOM."
    ),
    "E_JSON_TYPE": Reason("json", "a JSON file is not an object", _SAVE_AGAIN),
    "E_JSON_DUPKEY": Reason(
        "json", "a JSON object has the same key twice", "Keep one of the two entries."
    ),
    "E_JSON_DEPTH": Reason("json", "a JSON file is nested too deeply", _SAVE_AGAIN),
    "E_JSON_NUMBER": Reason(
        "json",
        "a JSON number is not finite or has too many digits",
        "NaN and Infinity are not JSON; write an ordinary number.",
    ),
    "E_JSON_SIZE": Reason("json", "a JSON file is too large", _SAVE_AGAIN),
    "E_ST_HEADER": Reason("weights", "a safetensors header is damaged", _SAVE_AGAIN),
    "E_ST_OFFSETS": Reason(
        "weights", "the tensors do not fill a safetensors file exactly", _SAVE_AGAIN
    ),
    "E_ST_DTYPE": Reason(
        "weights",
        "a tensor is stored in a number format that is not admissible",
        "Store weights in one of the competition's formats, e.g. with dtype=torch.bfloat16.",
    ),
    "E_ST_SHAPE": Reason(
        "weights", "a tensor's shape does not match the bytes stored for it", _SAVE_AGAIN
    ),
    "E_ST_COUNT": Reason("weights", "a safetensors file holds too many tensors", _SAVE_AGAIN),
    "E_ST_NAME": Reason("weights", "a tensor's name is not admissible", _SAVE_AGAIN),
    "E_ST_DUPNAME": Reason("weights", "a safetensors header names a tensor twice", _SAVE_AGAIN),
    "E_ST_METADATA": Reason(
        "weights",
        "a safetensors file's metadata is not a small table of strings",
        'Save with metadata={"format": "pt"} only.',
    ),
    "E_ST_NONFINITE": Reason(
        "weights",
        "a weight is NaN or infinite",
        "Look for a diverged training run, or an overflow when casting to float16.",
    ),
    "E_INDEX_PATH": Reason(
        "weights",
        "the index names a file that is no shard of this folder",
        "Shards are called model-00001-of-00002.safetensors and lie beside the index.",
    ),
    "E_INDEX_MISMATCH": Reason(
        "weights", "the index does not describe the shards that are there", _SAVE_AGAIN
    ),
    "E_INDEX_AMBIGUOUS": Reason(
        "weights",
        "there are two sets of weights: model.safetensors and shards",
        "Keep one of them.",
    ),
    "E_W_MISSING": Reason(
        "weights", "a tensor that the architecture needs is missing", _SAVE_AGAIN
    ),
    "E_W_UNEXPECTED": Reason(
        "weights", "a tensor is stored that the architecture does not have", _SAVE_AGAIN
    ),
    "E_W_SHAPE": Reason(
        "weights",
        "a tensor's shape is not the one that config.json asks for",
        "Submit the config.json that belongs to these weights.",
    ),
    "E_W_TIED_CONFLICT": Reason(
        "weights",
        "embeddings are tied by config.json, yet an output layer is stored",
        "Set tie_word_embeddings to false, or leave the output layer out.",
    ),
    "E_W_MAGNITUDE": Reason(
        "weights",
        "a weight is larger than 1e6 in magnitude",
        "Look for a diverged training run; no sound model has such weights.",
    ),
    "E_W_PARAMETERS": Reason(
        "weights",
        "the number of parameters is outside the competition's limits",
        "See palio competition show for the limits.",
    ),
    "E_W_NORM": Reason(
        "weights",
        "the projections' norms exceed the competition's limits",
        "Train with weight decay or a lower learning rate.",
    ),
    "E_CFG_MODEL_TYPE": Reason(
        "config",
        "config.json names no model type that Palio knows",
        "See docs/submission-format.md for the supported architectures.",
    ),
    "E_CFG_UNSUPPORTED": Reason(
        "config",
        "this architecture, or this variant of it, is not evaluated yet",
        "See docs/submission-format.md for the supported architectures.",
    ),
    "E_CFG_ARCH": Reason(
        "config",
        "the architecture is not the one stated or not admitted by the competition",
        "See palio competition show for the admitted architectures.",
    ),
    "E_CFG_CODE": Reason(
        "config",
        "config.json asks for custom code",
        "Use an architecture that transformers has built in, and remove auto_map.",
    ),
    "E_CFG_UNKNOWN_KEY": Reason(
        "config",
        "config.json has a key that this architecture does not need",
        "Remove the key; save_pretrained writes only what is needed.",
    ),
    "E_CFG_KERNEL": Reason(
        "config",
        "config.json chooses an attention or kernel implementation",
        "Remove the key; the platform chooses the implementation.",
    ),
    "E_CFG_QUANT": Reason(
        "config",
        "config.json asks for quantised weights",
        "Submit plain weights in a format that the competition admits.",
    ),
    "E_CFG_CAUSAL": Reason(
        "config",
        "config.json removes causality: the model would see the text it must predict",
        "Train and submit a causal model.",
    ),
    "E_CFG_MISSING": Reason(
        "config",
        "config.json lacks a value that this architecture needs",
        "Submit config.json as save_pretrained writes it.",
    ),
    "E_CFG_RANGE": Reason(
        "config", "a value in config.json is out of range", "Correct the value named."
    ),
    "E_CFG_TYPE": Reason(
        "config", "a value in config.json has the wrong type", "Correct the value named."
    ),
    "E_CFG_DTYPE": Reason(
        "config",
        "config.json names a number format that is not admissible",
        "Use float32, bfloat16 or float16.",
    ),
    "E_CFG_TOKENIDS": Reason(
        "config",
        "a special token's id in config.json is no special token of the tokenizer",
        "Use ids of tokens that tokenizer.json marks as special.",
    ),
    "E_TOK_MISSING": Reason(
        "tokenizer",
        "tokenizer.json is missing",
        "Save the tokenizer beside the model with save_pretrained.",
    ),
    "E_TOK_FIXED": Reason(
        "tokenizer",
        "tokenizer.json is not the one that the competition prescribes",
        "Copy the prescribed tokenizer.json unchanged; palio competition show names it.",
    ),
    "E_TOK_CODE": Reason(
        "tokenizer", "tokenizer_config.json asks for custom code", "Remove auto_map."
    ),
    "E_TOK_CLASS": Reason(
        "tokenizer",
        "tokenizer_config.json names no known tokenizer class",
        "Use PreTrainedTokenizerFast; only tokenizer.json is read.",
    ),
    "E_TOK_KEY": Reason(
        "tokenizer", "a tokenizer file has a key or value that is not admissible", "Remove it."
    ),
    "E_TOK_TYPE": Reason(
        "tokenizer", "a value in a tokenizer file has the wrong type", "Correct the value named."
    ),
    "E_TOK_RANGE": Reason(
        "tokenizer", "a value in a tokenizer file is out of range", "Correct the value named."
    ),
    "E_TOK_COMPONENT": Reason(
        "tokenizer",
        "tokenizer.json uses a component that is not known to keep texts intact",
        "Use a byte-level BPE, or a BPE with byte fallback, as docs/submission-format.md shows.",
    ),
    "E_TOK_REGEX": Reason(
        "tokenizer",
        "the pre-tokenizer uses a pattern that is not a published one",
        "Use the pattern of GPT-2, GPT-4, GPT-4o, Llama 3, Qwen 2 or Mistral, unchanged.",
    ),
    "E_TOK_COVERAGE": Reason(
        "tokenizer",
        "the vocabulary cannot express every text: byte tokens are missing",
        "Include all 256 byte tokens in the vocabulary.",
    ),
    "E_TOK_VOCAB_RANGE": Reason(
        "tokenizer",
        "a token's id lies outside the model's vocabulary",
        "Resize the embeddings to the tokenizer, or set vocab_size to the stored rows.",
    ),
    "E_TOK_VOCAB_DUP": Reason(
        "tokenizer", "one id stands for two tokens, or one token has two ids", "Give each its own."
    ),
    "E_TOK_TOKEN_LEN": Reason(
        "tokenizer",
        "a token is too long",
        "A token may have 512 bytes, an added token 128.",
    ),
    "E_TOK_SPECIAL": Reason(
        "tokenizer",
        "a special or added token is not admissible",
        "Special tokens look like <...> or [...], stand in tokenizer.json and leave the blanks "
        "around them alone.",
    ),
    "E_TOK_TRUNCATION": Reason(
        "tokenizer", "tokenizer.json truncates texts", "Set truncation to null."
    ),
    "E_TOK_PADDING": Reason("tokenizer", "tokenizer.json pads texts", "Set padding to null."),
    "E_TOK_NONDET": Reason(
        "tokenizer", "the tokenizer is random (BPE dropout)", "Set dropout to null."
    ),
    "E_TOK_ROUNDTRIP": Reason(
        "tokenizer",
        "decoding would not give back the encoded text",
        "Use matching normalizer, pre-tokenizer and decoder, and no prefix space.",
    ),
    "E_TPL_PARSE": Reason(
        "template", "the chat template does not parse", "Correct the template's syntax."
    ),
    "E_TPL_SECURITY": Reason(
        "template",
        "the chat template uses something that templates need not use",
        "Use plain loops, conditions and output.",
    ),
    "E_TPL_RESOURCE": Reason(
        "template",
        "the chat template could use unlimited time or memory",
        "Avoid *, **, range, recursion and padding filters.",
    ),
    "E_TPL_NONDET": Reason(
        "template",
        "the chat template's output is not always the same",
        "Avoid the date and random; write fixed text instead.",
    ),
    "E_TPL_CONTENT": Reason(
        "template",
        "the chat template does not show the messages' content",
        "Loop over messages and output each one's content.",
    ),
    "E_TPL_SIZE": Reason(
        "template", "the chat template is larger than 64 kB", "Shorten the template."
    ),
    "E_TPL_AMBIGUOUS": Reason(
        "template",
        "there are several different chat templates",
        "Keep chat_template.jinja only.",
    ),
    "E_COPY_EXACT": Reason(
        "copy",
        "the model is an exact copy of an earlier submission",
        "Submit a model of your own; the earlier commitment keeps its place.",
    ),
}

#: Codes of evaluations that ended without a score; the engine and the worker's keeper raise them.
RUNTIME: dict[str, Reason] = {
    "E_FETCH_PLATFORM": Reason(
        "fetch",
        "the store or this machine has a problem",
        "Nothing to do: it is the platform's fault and is tried again.",
    ),
    "E_RT_NONFINITE": Reason(
        "runtime",
        "the model answered with NaN or infinity",
        "Evaluate the model in the competition's number format before submitting.",
    ),
    "E_RT_TIMEOUT": Reason(
        "runtime",
        "the evaluation exceeded its time limit",
        "A model that a benign one of its shape outruns by far is refused; otherwise it is "
        "tried again.",
    ),
    "E_RT_OOM": Reason(
        "runtime",
        "the evaluation exceeded its memory limit",
        "Submit a smaller model, or one without unusual shapes.",
    ),
    "E_RT_CRASH": Reason(
        "runtime",
        "the worker process died",
        "Evaluate the model with palio evaluate to see where.",
    ),
    "E_RT_ERROR": Reason(
        "runtime",
        "the model raised an error while it ran",
        "Evaluate the model with palio evaluate to see where.",
    ),
    "E_RT_ENGINE": Reason(
        "runtime",
        "the engine failed",
        "Nothing to do: it is the platform's fault and is tried again.",
    ),
    "E_RT_PROTOCOL": Reason(
        "runtime",
        "the worker's answers could not be understood",
        "Nothing to do: it is tried again.",
    ),
}

WARNINGS: dict[str, str] = {
    "W_CFG_DROPPED": "keys of config.json that have no effect were left out",
    "W_GENCONFIG_IGNORED": "generation_config.json is not read: decoding belongs to the "
    "competition",
    "W_SEQUENCE_LENGTH": "the model's positions end before the competition's sequence length",
    "W_SUBNORMAL": "many weights are so small that they act like zero",
    "W_TOK_CLASS_IGNORED": "tokenizer_class is not read: tokenizer.json alone decides",
    "W_TOK_IDS": "added tokens get other ids than tokenizer.json states, because the vocabulary "
    "has gaps",
    "W_TOK_NFC": "the tokenizer normalises to NFC, as the platform does with its own texts",
}
