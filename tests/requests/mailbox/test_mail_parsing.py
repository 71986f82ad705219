"""What the desk reads out of a mail: the customer's words, however they came; nothing hostile gets further."""

from __future__ import annotations

import time
from contextlib import suppress
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from letters import bounce_of, letter

from graph_crm.parties.checks import NOTE_LIMIT, text
from graph_crm.requests.mailbox.kinds import MailReason
from graph_crm.requests.mailbox.nature import Nature
from graph_crm.requests.mailbox.parsing import MOST_CONTAINERS, Unreadable, identity, parse
from graph_crm.requests.mailbox.wording import without_quotes


def test_an_ordinary_mail_is_its_sender_subject_and_text() -> None:
    mail = parse(letter("Dobrý den,\n\nkde je moje karta?\n"))
    assert (mail.sender, mail.sender_name) == ("jana@customers.example", "Jana Novotná")
    assert (mail.subject, mail.text) == ("My card", "Dobrý den,\n\nkde je moje karta?")
    assert mail.nature is Nature.PERSON
    assert mail.uploads == ()


def test_the_text_is_preferred_and_html_is_read_where_there_is_no_text() -> None:
    html = "<html><head><style>p{}</style></head><body><p>Kde je <b>karta</b>?</p><script>x()</script></body></html>"
    assert parse(letter("plain", html=html)).text == "plain"
    assert parse(letter(None, html=html)).text == "Kde je karta?"
    assert parse(letter("  \n", html=html)).text == "Kde je karta?"


@pytest.mark.parametrize(
    ("charset", "content", "read"),
    [
        ("utf-8", "Zażółć gęślą jaźń".encode(), "Zażółć gęślą jaźń"),
        ("iso-8859-2", "Zażółć gęślą jaźń".encode("iso-8859-2"), "Zażółć gęślą jaźń"),
        ("no-such-charset", "Zażółć gęślą jaźń".encode(), "Zażółć gęślą jaźń"),
        ("us-ascii", "Zażółć gęślą jaźń".encode(), "Zażółć gęślą jaźń"),
        ("punycode", b"plain words", "plain words"),
        ("zlib", b"plain words", "plain words"),
    ],
)
def test_a_wrong_or_unknown_charset_does_not_lose_the_words(charset: str, content: bytes, read: str) -> None:
    head = f"From: a@customers.example\r\nContent-Type: text/plain; charset={charset}\r\n\r\n".encode()
    assert parse(head + content).text == read


def test_bytes_that_are_no_text_become_a_text_that_can_be_stored() -> None:
    head = b"From: a@customers.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    mail = parse(head + bytes(range(256)) + b"\xff\xfe\x00karta")
    assert "karta" in mail.text
    assert text("text", mail.text, NOTE_LIMIT, lines=True) == mail.text


def test_a_subject_is_one_line_without_marks_that_turn_the_writing() -> None:
    assert parse(letter(subject="=?utf-8?B?xI1lc2vDvQ==?= and more")).subject == "český and more"
    raw = b"From: a@customers.example\r\nSubject: za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87\r\n\r\nx"
    assert parse(raw).subject == "zażółć"
    assert parse(letter(subject="abc \u202egnp.exe")).subject == "abc gnp.exe"
    assert len(parse(letter(subject="x" * 5000)).subject) == 200


def test_a_mail_of_ten_megabytes_is_cut_and_attached_whole() -> None:
    body = "słowo " * 1_700_000
    mail = parse(b"From: a@customers.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body.encode())
    assert len(mail.text) <= NOTE_LIMIT
    assert mail.text.endswith("[…]")
    (whole,) = mail.uploads
    assert whole.name == "message.txt"
    assert len(whole.content) > 10_000_000


def test_documents_come_with_the_name_that_was_sent_and_further_ones_are_counted() -> None:
    documents = {f"{number}.pdf": b"%PDF-1.7" for number in range(25)}
    mail = parse(letter("See below.", documents=documents))
    assert [one.name for one in mail.uploads] == [f"{number}.pdf" for number in range(20)]
    assert mail.left_out == 5


def test_a_forwarded_mail_is_a_document_and_not_the_customers_words() -> None:
    mail = EmailMessage()
    mail["From"] = "a@customers.example"
    mail.set_content("See what they wrote.")
    inner = EmailMessage()
    inner["From"] = "other@customers.example"
    inner.set_content("Their words.")
    mail.add_attachment(inner)
    parsed = parse(mail.as_bytes())
    assert parsed.text == "See what they wrote."
    (upload,) = parsed.uploads
    assert b"Their words." in upload.content


def test_what_answers_another_mail_names_it() -> None:
    mail = parse(letter(In_Reply_To="<b@bank.example>", References="<a@bank.example> <b@bank.example>"))
    assert mail.references == ("<b@bank.example>", "<a@bank.example>")


@pytest.mark.parametrize(
    ("headers", "nature"),
    [
        ({}, Nature.PERSON),
        ({"Auto_Submitted": "no"}, Nature.PERSON),
        ({"Auto_Submitted": "auto-replied (vacation)"}, Nature.AUTO_REPLY),
        ({"Auto_Submitted": "auto-generated"}, Nature.AUTO_REPLY),
        ({"X_Autoreply": "yes"}, Nature.AUTO_REPLY),
        ({"Precedence": "auto_reply"}, Nature.AUTO_REPLY),
        ({"Return_Path": "<>"}, Nature.AUTO_REPLY),
        ({"Precedence": "bulk"}, Nature.BULK),
        ({"List_Id": "<news.shop.example>"}, Nature.BULK),
    ],
)
def test_machines_are_told_from_people(headers: dict[str, str], nature: Nature) -> None:
    assert parse(letter(**headers)).nature is nature


def test_what_is_sent_without_a_sender_was_sent_by_a_machine() -> None:
    assert parse(letter(), null_sender=True).nature is Nature.AUTO_REPLY


@pytest.mark.parametrize(
    ("action", "status", "permanent"),
    [
        ("failed", "5.1.1", True),
        ("failed", "5.1.1 (bad destination mailbox address)", True),
        ("failed", "5.2.2", False),
        ("failed", "5.7.1", False),
        ("failed", "4.4.7", False),
        ("delayed", "4.4.1", False),
    ],
)
def test_a_bounce_tells_which_mail_of_ours_it_is_about(action: str, status: str, *, permanent: bool) -> None:
    mail = parse(bounce_of("<delivery.1@bank.example>", action=action, status=status), null_sender=True)
    assert mail.nature is Nature.BOUNCE
    assert mail.bounce is not None
    assert (mail.bounce.message_id, mail.bounce.permanent) == ("<delivery.1@bank.example>", permanent)
    assert mail.bounce.failed is (action == "failed")
    assert mail.bounce.diagnostic == "smtp; 550 no such user"


def test_a_receipt_of_delivery_is_no_bounce() -> None:
    assert parse(bounce_of("<d@bank.example>", action="delivered", status="2.0.0")).bounce is None


def bomb(depth: int) -> bytes:
    opened = "".join(f'Content-Type: multipart/mixed; boundary="{n}"\r\n\r\n--{n}\r\n' for n in range(depth))
    return f"From: a@customers.example\r\n{opened}\r\nx".encode()


def test_a_bomb_of_parts_is_refused_before_it_is_parsed() -> None:
    for raw in (
        bomb(MOST_CONTAINERS + 1),
        b"From: a@customers.example\r\n" + b"X: y\r\n" * 100_000 + b"\r\nx",
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * 300 + b"--b--",
        b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\n" * 1_000_000,
    ):
        with pytest.raises(Unreadable) as refused:
            parse(raw)
        assert refused.value.reason is MailReason.TOO_COMPLEX
    assert parse(bomb(20)).text == "x"


def test_html_of_ten_thousand_boxes_in_one_another_still_says_its_words() -> None:
    html = "<div>" * 10_000 + "karta" + "</div>" * 10_000
    assert "karta" in parse(letter(None, html=html)).text


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("I agree.\n\nOn 23 Nov 2026, at 10:00, Bank <service@bank.example> wrote:\n> Do you agree?\n", "I agree."),
        ("Zgadzam się.\n\n> Czy się Pani zgadza?\n> Bank\n", "Zgadzam się."),
        ("Tak.\n\nW dniu 23.11.2026 o 10:00, Bank pisze:\n> Czy?\n", "Tak."),
        ("Souhlasím.\n\nPo 23. 11. 2026 Bank napsal(a):\n> Souhlasíte?\n", "Souhlasím."),
        ("Yes.\n\n-----Original Message-----\nFrom: Bank\nSubject: Question\n\nDo you?\n", "Yes."),
        (
            "Thank you,\nI still wait for:\n- the card\n- the PIN\n",
            "Thank you,\nI still wait for:\n- the card\n- the PIN",
        ),
        ("> only a quote\n", "> only a quote"),
    ],
)
def test_an_answer_is_kept_without_what_it_quotes(answer: str, kept: str) -> None:
    assert without_quotes(answer).strip() == kept


def test_no_text_keeps_the_desk_busy() -> None:
    hostile = [
        "On " * 6000,
        "\n".join(["On x"] * 5000),
        "From: " * 3000,
        "> " * 9000,
        "-" * 19_000,
        " \n" * 9000,
        "Am " * 300,
    ]
    started = time.process_time()
    for each in hostile:
        without_quotes(each)
    assert time.process_time() - started < 5


def test_a_mail_is_known_by_its_message_id_and_without_one_by_its_content() -> None:
    first, second = letter(), letter("Other words")
    assert identity(first).id == identity(second).id == "<1@customers.example>"
    nameless = identity(letter(message_id=None))
    assert nameless.id.startswith("digest:")
    assert nameless == identity(letter(message_id=None))
    assert nameless != identity(letter("Other words", message_id=None))


def test_two_mails_under_one_message_id_are_told_apart() -> None:
    first, second = identity(letter()), identity(letter(subject="Another thing"))
    assert first.id == second.id
    assert first.fingerprint != second.fingerprint


def test_the_way_that_a_mail_took_does_not_make_it_another() -> None:
    assert identity(b"Received: from relay\r\n" + letter(message_id=None)).id == identity(letter(message_id=None)).id


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
@example(b"")
@example(b"\r\n\r\n")
@example(b"From: =?utf-8?q?\r\nContent-Type: ;;;\r\nContent-Disposition: x; filename*=a'b'%ff\r\n\r\n\xff")
@example(b"Content-Type: multipart/mixed\r\n\r\nx")
@example(b"Content-Type: message/rfc822\r\n\r\n")
def test_no_bytes_are_too_strange(raw: bytes) -> None:
    named = identity(raw)
    assert 0 < len(named.id) <= 500
    try:
        mail = parse(raw)
    except Unreadable:
        return
    if mail.text:
        assert text("text", mail.text, NOTE_LIMIT, lines=True) == mail.text
    if mail.subject:
        assert text("subject", mail.subject) == mail.subject


HEADERS = st.sampled_from(
    ["From", "Subject", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "References", "Message-ID"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(HEADERS, st.text(max_size=60)), max_size=8), st.binary(max_size=200))
def test_no_headers_are_too_strange(headers: list[tuple[str, str]], body: bytes) -> None:
    head = b"".join(f"{name}: {value}\r\n".encode("utf-8", "surrogatepass") for name, value in headers)
    named = identity(head + b"\r\n" + body)
    assert named.subject == "" or text("subject", named.subject) == named.subject
    with suppress(Unreadable):
        parse(head + b"\r\n" + body)
