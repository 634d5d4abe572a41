"""Keys, addresses and signatures, against published vectors and for any input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.ledger.identity import Keypair, address_of, public_key_of, verify

#: Development accounts that every Substrate node knows: public key, address (format 42).
KNOWN = [
    (
        "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d",
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
    ),
    (
        "88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee",
        "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu",
    ),
]

seeds = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize(("public_key", "address"), KNOWN)
def test_addresses_are_those_of_substrate(public_key: str, address: str) -> None:
    assert address_of(bytes.fromhex(public_key)) == address
    assert public_key_of(address).hex() == public_key


def test_seed_of_the_known_ed25519_account_gives_its_address() -> None:
    seed = "abf8e5bdbe30c65656c0a3cbd181ff8a56294a69dfedd27982aace4a76909115"
    assert Keypair.from_seed(bytes.fromhex(seed)).address == KNOWN[1][1]


def test_signature_is_that_of_rfc_8032_section_7_1() -> None:
    seed = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
    assert Keypair.from_seed(bytes.fromhex(seed)).sign(bytes.fromhex("af82")) == (
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    )


@given(seeds)
def test_address_and_public_key_round_trip(public_key: bytes) -> None:
    assert public_key_of(address_of(public_key)) == public_key


@given(seeds, st.integers(0, 47), st.sampled_from("123456789ABCDEFGHJKLMNPQRSTUVWXYZ"))
def test_a_mistyped_address_never_names_another_key(seed: bytes, at: int, typed: str) -> None:
    address = address_of(seed)
    wrong = address[:at] + typed + address[at + 1 :]
    try:
        other = public_key_of(wrong)
    except ValueError:
        return
    # Two bytes of checksum let one in 65,536 typing errors pass; the text still differs then.
    assert (other == seed) == (wrong == address)


@given(seeds, st.binary(max_size=200))
def test_own_signature_verifies(seed: bytes, message: bytes) -> None:
    keypair = Keypair.from_seed(seed)
    assert verify(keypair.address, message, keypair.sign(message))


def test_any_change_is_refused() -> None:
    keypair, other = Keypair.from_seed(bytes(32)), Keypair.from_seed(bytes([1]) * 32)
    signature = keypair.sign(b"message")
    assert not verify(keypair.address, b"Message", signature)
    assert not verify(other.address, b"message", signature)
    assert not verify(keypair.address, b"message", other.sign(b"message"))


@given(st.text(max_size=200), st.text(max_size=200))
def test_malformed_signatures_and_addresses_are_false(address: str, signature: str) -> None:
    keypair = Keypair.from_seed(bytes(32))
    assert not verify(address, b"message", keypair.sign(b"message"))
    assert not verify(keypair.address, b"message", signature)


def test_only_one_spelling_of_a_signature_verifies() -> None:
    keypair = Keypair.from_seed(bytes(32))
    signature = keypair.sign(b"message")
    assert not verify(keypair.address, b"message", signature.upper())
    assert not verify(keypair.address, b"message", f" {signature}")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_seeds_and_keys_have_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keypair.from_seed(bytes(size))
    with pytest.raises(ValueError, match="32 bytes"):
        address_of(bytes(size))


@pytest.mark.parametrize("address", ["", "0" * 48, "z" * 48, "1" * 48, KNOWN[0][1] + "Q"])
def test_texts_that_are_no_address_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        public_key_of(address)


def test_secret_stays_out_of_repr() -> None:
    keypair = Keypair.generate(lambda size: b"\x07" * size)
    assert keypair.seed.hex() not in repr(keypair)
    assert repr(keypair) == f"Keypair({keypair.address})"
