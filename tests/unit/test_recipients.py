"""Addresses: those that people have are taken, those that could mean two things are not."""

import pytest

from contracts.recipients import AddressInvalid, mail_address, telephone_number


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("nino@clinic.example", "nino@clinic.example"),
        ("n.b+bill@x.co", "n.b+bill@x.co"),
        ("a@localhost", "a@localhost"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@د.example", "a@xn--ugb.example"),
    ],
)
def test_an_address_is_taken_with_its_domain_in_ascii(text: str, address: str) -> None:
    assert mail_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nino",
        "@x",
        "a@",
        "a@b@c.d",
        "a b@c.d",
        "a@c.d\r\nBcc: x@y.z",
        "a@c.d,x@y.z",
        "<a@c.d>",
        '"a b"@c.d',
        "a@-c.d",
        "a@c..d",
        "a@[127.0.0.1]",
        ".a@c.d",
        "é@c.d",
        "a" * 65 + "@c.d",
        "a@" + "c." * 130 + "d",
    ],
)
def test_what_is_no_plain_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(AddressInvalid) as refused:
        mail_address(text)
    assert "c.d" not in str(refused.value)


def test_a_telephone_number_is_taken_as_people_write_it() -> None:
    assert telephone_number("+995 (555) 12-34-56") == "+995555123456"
    for text in ("", "0555123456", "+0123456789", "+9955551234567890", "+99555x", "+1\n2345678"):
        with pytest.raises(AddressInvalid):
            telephone_number(text)
