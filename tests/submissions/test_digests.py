import base64
import hashlib

from hypothesis import given
from hypothesis import strategies as st

from palio.submissions.digests import (
    FileEntry,
    TensorDigest,
    content_digest,
    directory_hash,
    manifest_of,
    secure_hash,
    weights_digest,
)


def entry(path: str, data: bytes) -> FileEntry:
    return FileEntry(path, len(data), hashlib.sha256(data).hexdigest())


def test_the_directory_hash_is_the_one_sn37_describes() -> None:
    first = base64.b64encode(hashlib.sha256(b"one").digest())
    second = base64.b64encode(hashlib.sha256(b"two").digest())
    expected = base64.b64encode(hashlib.sha256(first + second).digest()).decode()
    assert directory_hash((entry("b.txt", b"two"), entry("a.txt", b"one"))) == expected


def test_the_secure_hash_salts_with_the_participant() -> None:
    folder = directory_hash((entry("a", b"1"),))
    expected = base64.b64encode(hashlib.sha256((folder + "5Fada").encode()).digest()).decode()
    assert secure_hash(folder, "5Fada") == expected
    assert len(expected) == 44
    assert secure_hash(folder, "5Fbob") != expected


def test_the_content_digest_follows_the_published_lines() -> None:
    one, two = entry("b", b"1"), entry("a", b"22")
    lines = sorted([f"{one.sha256} 1 b\n", f"{two.sha256} 2 a\n"])
    assert (
        content_digest(manifest_of([one, two]))
        == hashlib.sha256("".join(lines).encode()).hexdigest()
    )


@given(st.permutations([entry("a", b"1"), entry("b", b"2"), entry("c", b"3")]))
def test_no_digest_depends_on_the_order_of_listing(entries: list[FileEntry]) -> None:
    ordered = manifest_of([entry("a", b"1"), entry("b", b"2"), entry("c", b"3")])
    assert content_digest(tuple(entries)) == content_digest(ordered)
    assert directory_hash(tuple(entries)) == directory_hash(ordered)


def test_swapping_two_files_changes_the_content_digest() -> None:
    plain = manifest_of([entry("a", b"1"), entry("b", b"2")])
    swapped = manifest_of([entry("a", b"2"), entry("b", b"1")])
    assert content_digest(plain) != content_digest(swapped)


@given(
    st.permutations(
        [
            TensorDigest(name, "F32", (2,), hashlib.sha256(name.encode()).hexdigest())
            for name in "ab"
        ]
    )
)
def test_the_weights_digest_ignores_order(tensors: list[TensorDigest]) -> None:
    assert weights_digest(tensors) == weights_digest(sorted(tensors))


def test_the_weights_digest_sees_names_formats_and_shapes() -> None:
    base = TensorDigest("a", "F32", (2, 3), "0" * 64)
    others = [
        base._replace(name="b"),
        base._replace(dtype="F16"),
        base._replace(shape=(3, 2)),
        base._replace(sha256="1" * 64),
    ]
    assert len({weights_digest([tensor]) for tensor in [base, *others]}) == 5
